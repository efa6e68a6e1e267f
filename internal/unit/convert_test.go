// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// set reads files given as name and content.
func set(t *testing.T, files ...string) *Set {
	t.Helper()
	s, err := load(t, files...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t *testing.T, files ...string) (*Set, error) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Load([]string{dir}, false, "/usr/bin")
}

func convert(t *testing.T, s *Set, name string) Service {
	t.Helper()
	service, err := s.Convert(s.find(name))
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// has looks for whole lines, where a command line is one.
func has(t *testing.T, s Service, lines ...string) {
	t.Helper()
	text := strings.ReplaceAll(s.Text, " \\\n    ", " ")
	for _, line := range lines {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("%s: no line %q in\n%s", s.Name, line, text)
		}
	}
}

func TestContainer(t *testing.T) {
	s := set(t, "web.container", `[Unit]
Description=Web
[Container]
Image=registry.example/web:1
Exec=serve --listen "a b" $PORT
Environment=A=1 "B=two words"
Label=x=y
PublishPort=8080:80
User=12
Group=13
ReadOnly=yes
Notify=yes
Memory=512m
PidsLimit=20
StopSignal=INT
ReloadSignal=HUP
HealthCmd=test -e "/run/my page"
HealthOnFailure=restart
PodmanArgs=--no-hosts
[Service]
Restart=always
[Install]
WantedBy=multi-user.target default.target
`)
	web := convert(t, s, "web.container")
	has(t, web,
		`ExecStart=/usr/bin/tug-run --supervised --name=systemd-web --replace --rm --sdnotify=container --health-on-failure=kill --env=A=1 "--env=B=two words" "--health-cmd=test -e \"/run/my page\"" --label=x=y `+
			`--publish=8080:80 --read-only=true --user=12:13 --stop-signal=INT --no-hosts registry.example/web:1 serve --listen "a b" $PORT`,
		"ExecStopPost=/usr/bin/tug-cleanup --ignore --service systemd-web", "ExecReload=/usr/bin/tug-kill --signal=HUP systemd-web",
		"Type=notify", "NotifyAccess=all", "KillMode=mixed", "KillSignal=SIGINT", "MemoryMax=512M", "TasksMax=20", "Restart=always",
		"Description=Web", "WantedBy=multi-user.target default.target", "[X-Container]")
	if want := []string{"default.target.wants/web.service", "multi-user.target.wants/web.service"}; !slices.Equal(web.Links, want) {
		t.Errorf("links %q", web.Links)
	}
}

func TestReferences(t *testing.T) {
	s := set(t,
		"app.container", "[Container]\nImage=app.image\nVolume=data.volume:/data:ro\nVolume=./conf:/conf\nNetwork=lan.network:ip=10.9.0.2\nMount=type=volume,source=data.volume,target=/x\n",
		"data.volume", "[Volume]\nLabel=a=b\nOptions=size=1m\nType=tmpfs\n",
		"lan.network", "[Network]\nNetworkName=lan0\nSubnet=10.9.0.0/24\nInternal=yes\n",
		"app.image", "[Image]\nImage=registry.example/app:2\nPolicy=newer\n")
	app := convert(t, s, "app.container")
	conf := filepath.Join(filepath.Dir(s.find("app.container").Path), "conf")
	has(t, app, "Requires=data-volume.service", "After=data-volume.service", "Requires=lan-network.service", "Requires=app-image.service", "RequiresMountsFor="+conf)
	for _, want := range []string{"--volume=systemd-data:/data:ro", "--volume=" + conf + ":/conf", "--network=lan0:ip=10.9.0.2", "source=systemd-data", "registry.example/app:2"} {
		if !strings.Contains(app.Text, want) {
			t.Errorf("no %s in\n%s", want, app.Text)
		}
	}
	has(t, convert(t, s, "data.volume"), "Type=oneshot", "RemainAfterExit=yes",
		"ExecStart=/usr/bin/tug-volume create --ignore --label=a=b --opt=type=tmpfs --opt=o=size=1m systemd-data")
	has(t, convert(t, s, "lan.network"), "ExecStart=/usr/bin/tug-network create --ignore --internal=true --subnet=10.9.0.0/24 lan0")
	has(t, convert(t, s, "app.image"), "ExecStart=/usr/bin/tug-pull --policy=newer registry.example/app:2")
	if got := convert(t, s, "data.volume").Name; got != "data-volume.service" {
		t.Error(got)
	}
}

func TestTemplate(t *testing.T) {
	s := set(t, "job@.container", "[Container]\nImage=i\nVolume=v@%i.volume:/v\n[Install]\nWantedBy=a.target\nDefaultInstance=one\n", "v@.volume", "[Volume]\n")
	_, err := s.Convert(s.find("job@.container"))
	if err != nil {
		t.Fatal(err)
	}
	job := convert(t, s, "job@.container")
	if job.Name != "job@.service" || !slices.Equal(job.Links, []string{"a.target.wants/job@one.service"}) {
		t.Errorf("%s %q", job.Name, job.Links)
	}
	has(t, job, "Requires=v-volume@%i.service")
	if !strings.Contains(job.Text, "--name=systemd-job_%i") {
		t.Error(job.Text)
	}
}

// TestUsers: what is of users is no service of the system's.
func TestUsers(t *testing.T) {
	s := set(t, "a.container", "[Container]\nImage=x\n", "below/b.container", "[Container]\nImage=x\n",
		"users/c.container", "[Container]\nImage=x\n", "users/1000/d.container", "[Container]\nImage=x\n")
	for name, want := range map[string]bool{"a": true, "b": true, "c": false, "d": false} {
		if got := s.find(name+".container") != nil; got != want {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

// TestNames: who names a file calls its object what the file's own unit calls it.
func TestNames(t *testing.T) {
	s := set(t, "web.container", "[Container]\nServiceName=site\nImage=x\n", "job@one.container", "[Container]\nImage=x\n",
		"data@.volume", "[Volume]\n", "data@two.volume", "[Volume]\n",
		"all.container", "[Container]\nImage=x\nNetwork=web.container\nVolume=data@one.volume:/one\nVolume=data@two.volume:/two\n",
		"near.container", "[Container]\nImage=x\nNetwork=job@one.container\n")
	for name, want := range map[string]string{"web.container": "--name=systemd-site ", "job@one.container": "--name=systemd-job_one ",
		"data@.volume": " systemd-data-%i\n", "data@two.volume": " systemd-data-two\n"} {
		if text := strings.ReplaceAll(convert(t, s, name).Text, " \\\n    ", " "); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", name, want, text)
		}
	}
	all := convert(t, s, "all.container").Text + convert(t, s, "near.container").Text
	for _, want := range []string{"--network=container:systemd-site", "--volume=systemd-data-one:/one", "--volume=systemd-data-two:/two", "--network=container:systemd-job_one"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
}

// TestOneshot: both are in the unit's cgroup, and the command stays.
func TestOneshot(t *testing.T) {
	s := set(t, "job.container", "[Container]\nImage=x\nMemory=1g\nStopTimeout=0\nStopSignal=sigint\n[Service]\nType=oneshot\n")
	job := convert(t, s, "job.container")
	has(t, job, "Type=oneshot", "MemoryMax=1G", "TimeoutStopSec=1ms", "KillSignal=SIGINT")
	if strings.Contains(job.Text, "--supervised") || !strings.Contains(job.Text, "--cgroups=disabled") {
		t.Error(job.Text)
	}
}

func TestDropins(t *testing.T) {
	s := set(t,
		"foo-bar.container", "[Container]\nImage=one\nEnvironment=A=1\n",
		"container.d/10.conf", "[Container]\nEnvironment=B=2\n",
		"foo-.container.d/20.conf", "[Container]\nImage=two\n",
		"foo-bar.container.d/10.conf", "[Container]\nEnvironment=\nEnvironment=C=3\n",
		"other.container.d/1.conf", "[Container]\nImage=wrong\n")
	has(t, convert(t, s, "foo-bar.container"), "ExecStart=/usr/bin/tug-run --supervised --name=systemd-foo-bar --replace --rm --sdnotify=conmon --env=C=3 two")
}

// TestProblems: each says the file, the line, and where it can what to do.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a.container", "[Container]\nImage=x\nEnvironmnet=A=1\n", ":3: Environmnet= is not known in [Container]; did you mean Environment=?"},
		{"a.container", "[Contaner]\nImage=x\n", "there is no section [Container]"},
		{"a.container", "[Container]\nEnvironment=A=1\n", "needs one of Image= and Rootfs="},
		{"a.container", "[Container]\nImage=x\nReadOnly=perhaps\n", `:3: ReadOnly="perhaps": neither yes nor no; write yes or no`},
		{"a.container", "[Container]\nImage=x\nSecret=s\n", ":3: Secret=: secrets are not kept"},
		{"a.container", "[Container]\nImage=x\nVolume=none.volume:/v\n", ":3: Volume=: there is no none.volume"},
		{"a.container", "[Container]\nImage=x\nExec=\"open\n", ":3: Exec=: the quote \" has no end"},
		{"a.container", "[Container]\nImage=x\n[Unt]\nA=b\n", "the section [Unt] is not known in a .container file; did you mean [Unit]?"},
		{"a.container", "[Container]\nImage=x\n[Service]\nExecStart=/bin/evil\n", ":4: ExecStart= of [Service] is made from [Container]"},
		{"a.container", "[Container]\nImage=x\nServiceName=../../evil\n", "ServiceName="},
		{"a.container", "[Container]\nImage=x\n[Quadlet]\nDefaultDependencies=perhaps\n", ":4: DefaultDependencies="},
		{"a.container", "[Container]\nImage=x\nTimezone=local\n", ":3: Timezone=: time zones are the image's"},
		{"a.container", "[Container]\nImage=x\nHttpProxy=yes\n", ":3: HttpProxy=yes: variables of a proxy"},
		{"a.kube", "[Kube]\n", "not run by this version"},
		{"a.pod", "[Pod]\n", "pods are not supported"},
		{"a.build", "[Build]\n", "images are not built"},
	} {
		s := set(t, c.name, c.text)
		_, err := s.Convert(s.find(c.name))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"Image=x\n", ":1: Image= stands in no section"},
		{"[Container]\nwhat\n", `:2: neither a section nor an assignment: "what"; write Key=value`},
		{"[Container\n", ":1: not a section"},
		{"[Container]\n=x\n", ":2: no name before the ="},
		{"[Container]\nA=\xff\n", "not a text in UTF-8"},
	} {
		s := set(t, "a.container", c.text)
		_, err := s.Convert(s.find("a.container"))
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.text, err, c.want)
		}
	}
}

// TestInjection: nothing in a value becomes a setting.
func TestInjection(t *testing.T) {
	s := set(t, "a.container", `[Container]
Image=x
Label="l=a\nExecStart=/bin/evil\n[Service]"
Environment="E=\x0aExecStartPre=/bin/evil"
Exec=sh -c "echo \"%%\" ; \nUser=root"
Annotation="org.systemd.property.ExecStart='x'"
`)
	text := convert(t, s, "a.container").Text
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "ExecStartPre=") || strings.HasPrefix(line, "User=") || strings.HasPrefix(line, "ExecStart=/bin/evil") {
			t.Errorf("%q in\n%s", line, text)
		}
	}
}

func TestGenerate(t *testing.T) {
	s := set(t, "good.container", "[Container]\nImage=x\n[Install]\nWantedBy=multi-user.target\n", "bad.container", "[Container]\nImag=x\n[Install]\nWantedBy=multi-user.target\n")
	dir := t.TempDir()
	failed, err := Generate(s, dir)
	if err != nil || len(failed) != 1 {
		t.Fatal(failed, err)
	}
	for _, name := range []string{"good", "bad"} {
		to, err := os.Readlink(filepath.Join(dir, "multi-user.target.wants", name+".service"))
		if err != nil || to != "../"+name+".service" {
			t.Errorf("%s: %q, %v", name, to, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "bad.service"))
	if err != nil || !strings.Contains(string(data), "Imag= is not known") || !strings.Contains(string(data), "tug-unit \\\n    --failure") {
		t.Errorf("%s, %v", data, err)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add("[Container]\nImage=x\nExec=a \"b\"\n[Install]\nWantedBy=x.target\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := &File{Path: "/x/a.container", Name: "a.container"}
		if file.parse(file.Path, text) != nil {
			return
		}
		s := &Set{Files: []*File{file}, Programs: "/usr/bin"}
		service, err := s.Convert(file)
		if err != nil {
			return
		}
		again := &File{Path: "/x/a.service", Name: "a.service"}
		if err := again.parse(again.Path, service.Text); err != nil {
			t.Fatalf("%q makes a unit that cannot be read: %v\n%s", text, err, service.Text)
		}
		if n := len(again.Section("Service").All("ExecStart")); n != 1 {
			t.Fatalf("%d command lines in\n%s", n, service.Text)
		}
		if strings.ContainsAny(service.Name, "/\x00") {
			t.Fatalf("name %q", service.Name)
		}
	})
}
