// SPDX-License-Identifier: Apache-2.0

package unit

// kind is what becomes of a key's values.
type kind int

const (
	single  kind = iota // the last value is the option's
	boolean             // yes or no, the option's value
	list                // each assignment is an option
	words               // each word of each assignment is one
	special             // see the code
	refused             // an error, with the reason
)

// rule is what becomes of a key. docs/quadlet.md has a row for each.
type rule struct {
	kind   kind
	option string // without the dashes
	reason string // why it is refused
}

const (
	noSecrets = "secrets are not kept: LoadCredential= of the unit hands them over"
	noModule  = "there are no configuration modules"
	noLabels  = "SELinux labels are not supported by this version"
	noPods    = "pods are not supported by this version"
	noLog     = "what checks said is kept with the container, the last five times"
)

// containerRules are the keys of [Container].
var containerRules = map[string]rule{
	"AddCapability":         {kind: words, option: "cap-add"},
	"AddDevice":             {kind: special},
	"AddHost":               {kind: list, option: "add-host"},
	"Annotation":            {kind: words, option: "annotation"},
	"AutoUpdate":            {kind: special},
	"CgroupsMode":           {kind: special},
	"ContainerName":         {kind: special},
	"ContainersConfModule":  {kind: refused, reason: noModule},
	"DNS":                   {kind: list, option: "dns"},
	"DNSOption":             {kind: list, option: "dns-option"},
	"DNSSearch":             {kind: list, option: "dns-search"},
	"DropCapability":        {kind: words, option: "cap-drop"},
	"Entrypoint":            {kind: single, option: "entrypoint"},
	"Environment":           {kind: words, option: "env"},
	"EnvironmentFile":       {kind: special},
	"EnvironmentHost":       {kind: boolean, option: "env-host"},
	"Exec":                  {kind: special},
	"ExposeHostPort":        {kind: list, option: "expose"},
	"GIDMap":                {kind: list, option: "gidmap"},
	"GlobalArgs":            {kind: special},
	"Group":                 {kind: special},
	"GroupAdd":              {kind: list, option: "group-add"},
	"HealthCmd":             {kind: single, option: "health-cmd"},
	"HealthInterval":        {kind: single, option: "health-interval"},
	"HealthLogDestination":  {kind: refused, reason: noLog},
	"HealthMaxLogCount":     {kind: refused, reason: noLog},
	"HealthMaxLogSize":      {kind: refused, reason: noLog},
	"HealthOnFailure":       {kind: special},
	"HealthRetries":         {kind: single, option: "health-retries"},
	"HealthStartPeriod":     {kind: single, option: "health-start-period"},
	"HealthStartupCmd":      {kind: single, option: "health-startup-cmd"},
	"HealthStartupInterval": {kind: single, option: "health-startup-interval"},
	"HealthStartupRetries":  {kind: single, option: "health-startup-retries"},
	"HealthStartupSuccess":  {kind: single, option: "health-startup-success"},
	"HealthStartupTimeout":  {kind: single, option: "health-startup-timeout"},
	"HealthTimeout":         {kind: single, option: "health-timeout"},
	"HostName":              {kind: single, option: "hostname"},
	"HttpProxy":             {kind: special},
	"Image":                 {kind: special},
	"IP":                    {kind: single, option: "ip"},
	"IP6":                   {kind: single, option: "ip6"},
	"Label":                 {kind: words, option: "label"},
	"LogDriver":             {kind: special},
	"LogOpt":                {kind: refused, reason: "the unit's StandardOutput= says where output goes"},
	"Mask":                  {kind: special},
	"Memory":                {kind: special},
	"Mount":                 {kind: special},
	"Network":               {kind: special},
	"NetworkAlias":          {kind: list, option: "network-alias"},
	"NoNewPrivileges":       {kind: special},
	"Notify":                {kind: special},
	"PidsLimit":             {kind: special},
	"Pod":                   {kind: refused, reason: noPods},
	"PodmanArgs":            {kind: special},
	"PublishPort":           {kind: list, option: "publish"},
	"Pull":                  {kind: single, option: "pull"},
	"ReadOnly":              {kind: boolean, option: "read-only"},
	"ReadOnlyTmpfs":         {kind: boolean, option: "read-only-tmpfs"},
	"ReloadCmd":             {kind: special},
	"ReloadSignal":          {kind: special},
	"Retry":                 {kind: refused, reason: "a pull is tried again anyway; an .image file can say how often"},
	"RetryDelay":            {kind: refused, reason: "a pull is tried again anyway; an .image file can say how often"},
	"Rootfs":                {kind: special},
	"RunInit":               {kind: boolean, option: "init"},
	"SeccompProfile":        {kind: special},
	"Secret":                {kind: refused, reason: noSecrets},
	"SecurityLabelDisable":  {kind: special},
	"SecurityLabelFileType": {kind: refused, reason: noLabels},
	"SecurityLabelLevel":    {kind: refused, reason: noLabels},
	"SecurityLabelNested":   {kind: refused, reason: noLabels},
	"SecurityLabelType":     {kind: refused, reason: noLabels},
	"ServiceName":           {kind: special},
	"ShmSize":               {kind: single, option: "shm-size"},
	"StartWithPod":          {kind: refused, reason: noPods},
	"StopSignal":            {kind: special},
	"StopTimeout":           {kind: special},
	"SubGIDMap":             {kind: single, option: "subgidname"},
	"SubUIDMap":             {kind: single, option: "subuidname"},
	"Sysctl":                {kind: words, option: "sysctl"},
	"Timezone":              {kind: refused, reason: "time zones are the image's: Environment=TZ= names one"},
	"Tmpfs":                 {kind: list, option: "tmpfs"},
	"UIDMap":                {kind: list, option: "uidmap"},
	"Ulimit":                {kind: list, option: "ulimit"},
	"Unmask":                {kind: special},
	"User":                  {kind: special},
	"UserNS":                {kind: single, option: "userns"},
	"Volume":                {kind: special},
	"WorkingDir":            {kind: single, option: "workdir"},
}

// volumeRules are the keys of [Volume].
var volumeRules = map[string]rule{
	"ContainersConfModule": {kind: refused, reason: noModule},
	"Copy":                 {kind: special},
	"Device":               {kind: special},
	"Driver":               {kind: single, option: "driver"},
	"GlobalArgs":           {kind: special},
	"Group":                {kind: special},
	"Image":                {kind: refused, reason: "volumes of images are not supported"},
	"Label":                {kind: words, option: "label"},
	"Options":              {kind: special},
	"PodmanArgs":           {kind: special},
	"ServiceName":          {kind: special},
	"Type":                 {kind: special},
	"User":                 {kind: special},
	"VolumeName":           {kind: special},
}

// networkRules are the keys of [Network].
var networkRules = map[string]rule{
	"ContainersConfModule": {kind: refused, reason: noModule},
	"DisableDNS":           {kind: boolean, option: "disable-dns"},
	"DNS":                  {kind: list, option: "dns"},
	"Driver":               {kind: single, option: "driver"},
	"Gateway":              {kind: list, option: "gateway"},
	"GlobalArgs":           {kind: special},
	"InterfaceName":        {kind: single, option: "interface-name"},
	"Internal":             {kind: boolean, option: "internal"},
	"IPAMDriver":           {kind: single, option: "ipam-driver"},
	"IPRange":              {kind: list, option: "ip-range"},
	"IPv6":                 {kind: boolean, option: "ipv6"},
	"Label":                {kind: words, option: "label"},
	"NetworkDeleteOnStop":  {kind: special},
	"NetworkName":          {kind: special},
	"Options":              {kind: list, option: "opt"},
	"PodmanArgs":           {kind: special},
	"ServiceName":          {kind: special},
	"Subnet":               {kind: list, option: "subnet"},
}

// imageRules are the keys of [Image].
var imageRules = map[string]rule{
	"AllTags":              {kind: boolean, option: "all-tags"},
	"Arch":                 {kind: single, option: "arch"},
	"AuthFile":             {kind: single, option: "authfile"},
	"CertDir":              {kind: single, option: "cert-dir"},
	"ContainersConfModule": {kind: refused, reason: noModule},
	"Creds":                {kind: single, option: "creds"},
	"DecryptionKey":        {kind: refused, reason: "encrypted images are not supported"},
	"GlobalArgs":           {kind: special},
	"Image":                {kind: special},
	"ImageTag":             {kind: special},
	"OS":                   {kind: single, option: "os"},
	"PodmanArgs":           {kind: special},
	"Policy":               {kind: single, option: "policy"},
	"Retry":                {kind: single, option: "retry"},
	"RetryDelay":           {kind: single, option: "retry-delay"},
	"ServiceName":          {kind: special},
	"TLSVerify":            {kind: boolean, option: "tls-verify"},
	"Variant":              {kind: single, option: "variant"},
}
