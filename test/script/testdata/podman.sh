# Podman commands as people write them in scripts. TestPodmanScript runs each
# paragraph with podman and with tug in its place, in one shell for all of them,
# and compares stdout and exit codes. Where a paragraph begins with "# differs:",
# they are to differ, and docs/podman.md says so with the same words.

podman pull -q $IMAGE

podman image exists $IMAGE && echo yes

podman image exists localhost/nothing; echo $?

podman images --format '{{.Repository}}:{{.Tag}}'

podman images -q --no-trunc $IMAGE

podman tag $IMAGE localhost/app:1.0 localhost/app:latest
podman images --format '{{.Repository}}:{{.Tag}}' localhost/app | sort

podman images

podman images --noheading --sort tag localhost/app

podman image ls --filter reference=localhost/app --format '{{.ID}} {{.Tag}}'

podman image inspect --format '{{.Os}} {{.Architecture}} {{.Config.Cmd}} {{len .RootFS.Layers}}' app:1.0

podman inspect --type image nothing:1; echo $?

podman history -q app | wc -l

podman history --format '{{.CreatedBy}}' app

podman run --rm app echo hello

podman run app true && podman ps -aq | wc -l && podman rm -a | wc -l

podman run --rm -e FOO=bar -e EMPTY= --env OTHER app sh -c 'echo "$FOO/$EMPTY/$OTHER"'

podman run --rm app sh -c 'exit 3'

podman run --rm app nosuchprogram

podman run --rm app /etc

podman run --rm nosuchimage:1 true

podman run --rm --no-such-flag app true

echo input | podman run -i --rm app cat

printf 'A=1\nB=two words\n' >env.list; podman run --rm --env-file env.list app sh -c 'echo $A $B'

mkdir -p data && echo content >data/file && podman run --rm -v ./data:/data:ro app cat /data/file

podman run --rm -v "$PWD/data:/data" app sh -c 'echo written >/data/new' && cat data/new

podman run --rm -v "$PWD/data:/data:ro" app sh -c 'echo x >/data/new'

podman run --rm --mount type=bind,src="$PWD/data",dst=/mnt,readonly app ls /mnt

podman run --rm -w /tmp app pwd

podman run --rm --user 1000:1001 app sh -c 'id -u; id -g'

podman run --rm --entrypoint /bin/echo app one two

podman run --rm --read-only app sh -c 'touch /x || echo refused; touch /tmp/x && echo allowed'

podman run --rm --tmpfs /scratch app sh -c 'grep -c " /scratch tmpfs " /proc/mounts'

podman run --rm --cap-drop all app sh -c 'grep CapEff /proc/self/status'

podman run --rm --cap-drop all --cap-add net_bind_service app sh -c 'grep CapEff /proc/self/status'

podman run --rm --init app sh -c 'cat /proc/1/comm' | grep -c init

podman run --rm --name gone app true && podman container exists gone; echo $?

timeout 20 podman run --rm --timeout 1 app sleep 1000; test $? -ne 124 && echo ended

podman run --rm --pids-limit 50 --memory 64m app true && echo limited

podman run --rm --security-opt no-new-privileges app sh -c 'grep NoNewPrivs /proc/self/status'

podman run --rm --restart no --log-driver none --stop-timeout 3 app echo plain

podman run --rm -it app echo no terminal </dev/null 2>/dev/null; podman run -i --rm app sh -c 'read a; read b; echo $b' <<END
first
second
END

podman run --rm --hostname box app hostname

podman run --rm --add-host db:10.0.0.7 app grep -w db /etc/hosts

podman run --rm --ulimit nofile=512:512 --ulimit nproc=500:500 app sh -c 'ulimit -n'

id=$(podman run -d --name web --label tier=front --stop-signal KILL app sleep 1000); echo ${#id}; podman ps --no-trunc -q | grep -c $id

podman run -d --name web app true

podman ps --format '{{.Names}} {{.Image}} {{.Command}}'

# differs: `State` in `ps --format` | the text of the status, in old versions
podman ps --format '{{.Names}} {{.State}}'

podman ps

podman ps -a --no-trunc --noheading

podman ps --format 'table {{.ID}}\t{{.Names}}'

podman ps --format '{{.ID}} {{.Status}} {{.Labels}}'

podman stats --no-stream --format '{{.Name}} {{.PIDs}}' web

podman inspect -f '{{.Name}} {{.State.Status}} {{.State.Running}} {{.ImageName}}' web

podman container inspect --format '{{.Config.Labels.tier}} {{.Config.Cmd}} {{.Path}} {{.Args}}' web

podman inspect --format '{{.RestartCount}} {{len .Mounts}} {{.HostConfig.Privileged}}' web

# differs: `StopSignal` and `RestartPolicy` in `inspect` | a number, and nothing for `no`, in old versions
podman inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.Config.StopSignal}}' web

test "$(podman inspect -f '{{.State.Pid}}' web)" -gt 1 && echo has a pid

podman inspect nothing; echo $?

podman ps --filter label=tier=front --format '{{.Names}}'

podman ps --filter name=nothing -q

podman container exists web; echo $?; podman container exists nothing; echo $?

podman exec web echo inside

podman exec -e A=b -w /etc web sh -c 'echo $A; pwd; exit 7'

echo piped | podman exec -i web cat

podman exec web nosuchprogram

podman exec nothing true

podman exec -u 1000 web id -u

podman top web comm args

podman top nothing

podman port web

podman exec -d web touch /tmp/made; until podman exec web test -e /tmp/made; do sleep 0.1; done; echo made

echo config >conf && podman cp conf web:/etc/app.conf && podman exec web cat /etc/app.conf

podman cp web:/etc/app.conf back && cat back

podman exec web mkdir -p /srv/tree/sub && podman exec web sh -c 'echo 1 >/srv/tree/sub/one' && podman cp web:/srv/tree tree && find tree | sort

podman cp nothing:/x y

podman diff web | sort

podman rename nothing something

podman rename web 'not ok'

podman rename web www && podman ps --format '{{.Names}}'

podman stop -t 1 www

podman stop nothing

podman ps -q | wc -l; podman ps -a --format '{{.Names}} {{.Status}}'

podman wait www

podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' www

podman exec www true

podman exec -d www true

podman kill www

podman ps -a --filter status=exited --format '{{.Names}}'

podman start www && podman ps --filter status=running --format '{{.Names}}'

podman pause www && podman ps -a --filter status=paused --format '{{.Names}}' && podman unpause www

podman restart -t 0 www && podman exec www echo alive

podman rm www

podman kill --signal KILL www && podman wait www

podman start www >/dev/null; podman rm -f www

podman rm www

podman rm -f www

podman create --name later app echo started later | wc -c; podman start -a later

podman start nothing

podman logs later

podman logs nothing

podman logs -f later

podman start -a -i later </dev/null && podman logs later | wc -l

podman run -d --name noisy app sh -c 'echo one; echo two; sleep 0.2; echo three >&2' >/dev/null; until podman ps -a --filter status=exited --format '{{.Names}}' | grep -q noisy; do sleep 0.1; done; podman logs noisy 2>/dev/null; podman logs noisy 2>&1 >/dev/null; podman logs --tail 2 noisy 2>&1

podman commit -q later localhost/later:1 | wc -c; podman run --rm localhost/later:1

podman commit -q -c 'CMD ["echo", "other"]' -c 'ENV X=y' later localhost/later:2 | wc -c; podman run --rm localhost/later:2; podman inspect -f '{{.Config.Env}}' localhost/later:2 | grep -c X=y

podman export later | tar -t | grep '^etc/passwd$'

podman export later | podman import -q - localhost/flat:1 | wc -c; podman run --rm localhost/flat:1 echo flat

podman save -q -o app.tar app:1.0 && podman rmi localhost/later:1 localhost/later:2 | grep -c Deleted && podman load -q -i app.tar

podman rmi nothing:1

podman rm later noisy | sort

podman volume create store

podman volume ls

podman volume ls --format '{{.Name}}:{{.Driver}}'

podman volume create store; echo $?

podman volume ls -q; podman volume inspect -f '{{.Name}} {{.Driver}}' store

podman run --rm -v store:/store app sh -c 'echo kept >/store/file' && podman run --rm -v store:/store app cat /store/file

podman volume rm nothing

podman volume rm store && podman volume ls -q | wc -l

podman run --name a --cidfile cid app true && podman ps -aq --no-trunc | grep -c $(cat cid)

podman run --cidfile cid app true

# differs: `run --replace` | prints the name of what it removed
podman run --replace --name a app echo again

podman run --name a app true

podman diff a

podman mount a >where && test -f "$(cat where)/etc/passwd" && podman umount a

podman container prune -f | wc -l

podman image prune -f | wc -l

podman ps -a --format json | tr -d ' \n'

podman system df --format '{{.Type}} {{.Total}} {{.Active}}' | tail -2

podman volume prune -f

podman rmi -f localhost/app:1.0 localhost/app:latest $IMAGE >/dev/null; podman rmi -a -f >/dev/null; podman images -q | wc -l
