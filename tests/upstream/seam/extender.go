// Package util gets this file added when Kubernetes' tests are compiled (tools/upstream.py): it starts
// dra-extender for each kube-scheduler that a test starts, and takes the plugin out of that one's profiles.
package util

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"time"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/test/utils/client-go/ktesting"
)

const (
	// The program; not set: kube-scheduler keeps its plugin.
	programVariable = "UPSTREAM_EXTENDER"
	// A KubeSchedulerConfiguration with the extender's entry, whose address is replaced.
	configurationVariable = "UPSTREAM_SCHEDULER_CONFIGURATION"
	// The folder for the program's logs.
	logsVariable = "UPSTREAM_LOGS"
	// true: the extender's reasons reach kube-scheduler in the plugin's words.
	rewordVariable = "UPSTREAM_REWORD"

	readyTimeout = 60 * time.Second
	// After SIGTERM the program finishes what is under way.
	stopTimeout = 40 * time.Second
)

// withExtender returns the configuration for a kube-scheduler beside an extender that runs until tCtx ends,
// or the same one where no program is named.
func withExtender(tCtx ktesting.TContext, wanted *schedulerconfig.KubeSchedulerConfiguration) *schedulerconfig.KubeSchedulerConfiguration {
	tCtx.Helper()
	program := os.Getenv(programVariable)
	if program == "" {
		return wanted
	}
	url := startExtender(tCtx, program, settings(wanted))
	if os.Getenv(rewordVariable) == "true" {
		url = reworded(tCtx, url)
	}
	example := exampleConfiguration(tCtx)

	merged := wanted.DeepCopy()
	merged.PercentageOfNodesToScore = example.PercentageOfNodesToScore
	merged.Extenders = example.Extenders
	for i := range merged.Extenders {
		merged.Extenders[i].URLPrefix = url + "/scheduler"
	}
	for i := range merged.Profiles {
		profile := &merged.Profiles[i]
		profile.Plugins = example.Profiles[0].Plugins.DeepCopy()
		// What the test sets for other plugins stays.
		profile.PluginConfig = without(profile.PluginConfig, names.DynamicResources)
		for _, config := range example.Profiles[0].PluginConfig {
			if config.Name == names.DynamicResources {
				profile.PluginConfig = append(profile.PluginConfig, config)
			}
		}
	}
	return merged
}

func exampleConfiguration(tCtx ktesting.TContext) *schedulerconfig.KubeSchedulerConfiguration {
	tCtx.Helper()
	text, err := os.ReadFile(os.Getenv(configurationVariable))
	tCtx.ExpectNoError(err, "read the scheduler's configuration named by "+configurationVariable)
	object, _, err := schedulerscheme.Codecs.UniversalDecoder().Decode(text, nil, nil)
	tCtx.ExpectNoError(err, "decode the scheduler's configuration")
	configuration, ok := object.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok || len(configuration.Extenders) == 0 || len(configuration.Profiles) == 0 {
		tCtx.Fatalf("%s: no KubeSchedulerConfiguration with a profile and an extender", os.Getenv(configurationVariable))
	}
	return configuration
}

func without(configs []schedulerconfig.PluginConfig, name string) []schedulerconfig.PluginConfig {
	var kept []schedulerconfig.PluginConfig
	for _, config := range configs {
		if config.Name != name {
			kept = append(kept, config)
		}
	}
	return kept
}

// settings are the environment of the extender: what the test gives the plugin as arguments.
func settings(configuration *schedulerconfig.KubeSchedulerConfiguration) []string {
	var environment []string
	for _, profile := range configuration.Profiles {
		for _, config := range profile.PluginConfig {
			args, ok := config.Args.(*schedulerconfig.DynamicResourcesArgs)
			if !ok {
				continue
			}
			// A timeout of 0 is none: then only kube-scheduler's httpTimeout ends a filter.
			if timeout := args.FilterTimeout; timeout != nil && timeout.Duration > 0 {
				environment = append(environment, fmt.Sprintf("DRA_FILTER_TIMEOUT_SECONDS=%g", timeout.Seconds()))
			}
			if timeout := args.BindingTimeout; timeout != nil {
				environment = append(environment, fmt.Sprintf("DRA_BINDING_TIMEOUT_SECONDS=%g", timeout.Seconds()))
			}
		}
	}
	return environment
}

// featureFlags are the flags that switch the extender's features as the plugin's are by the feature gates in force.
func featureFlags() []string {
	gates := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	switches := reflect.ValueOf(dynamicresources.AllocatorFeatures(gates))
	var flags []string
	for i := range switches.NumField() {
		flags = append(flags, fmt.Sprintf("--feature=%s=%t", switches.Type().Field(i).Name, switches.Field(i).Bool()))
	}
	return flags
}

// startExtender returns the extender's URL once it is ready.
func startExtender(tCtx ktesting.TContext, program string, environment []string) string {
	tCtx.Helper()
	address := freeAddress(tCtx)
	_, port, _ := strings.Cut(address, ":")
	kubeconfig := writeKubeconfig(tCtx, tCtx.RESTConfig())
	log := openLog(tCtx)

	ctx, cancel := context.WithCancel(tCtx)
	arguments := append([]string{"serve", "--kubeconfig=" + kubeconfig, "--host=127.0.0.1", "--port=" + port}, featureFlags()...)
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = log, log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopTimeout
	// It ends with this process, even if that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	fmt.Fprintf(log, "== %s: %v %s\n", tCtx.Name(), environment, strings.Join(command.Args, " "))

	started, ended := make(chan error), make(chan struct{})
	var early error
	go func() {
		defer close(ended)
		defer func() { _ = log.Close() }()
		// The signal comes when the thread that started it ends: keep that one.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			err = command.Wait()
		}
		if ctx.Err() == nil {
			early = fmt.Errorf("the extender ended by itself: %w", err)
		}
	}()
	tCtx.ExpectNoError(<-started, "start "+program)
	tCtx.Cleanup(func() {
		cancel()
		<-ended
		if early != nil {
			tCtx.Errorf("%v", early)
		}
	})
	waitUntilReady(tCtx, "http://"+address, ended)
	return "http://" + address
}

func waitUntilReady(tCtx ktesting.TContext, url string, ended <-chan struct{}) {
	tCtx.Helper()
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); {
		if response, err := client.Get(url + "/readyz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			tCtx.Fatalf("the extender ended before it was ready: see its log")
		case <-time.After(50 * time.Millisecond):
		}
	}
	tCtx.Fatalf("the extender was not ready within %s: see its log", readyTimeout)
}

func freeAddress(tCtx ktesting.TContext) string {
	tCtx.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	tCtx.ExpectNoError(err, "find a free port")
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func openLog(tCtx ktesting.TContext) *os.File {
	tCtx.Helper()
	path := filepath.Join(os.Getenv(logsVariable), "extender.log")
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	tCtx.ExpectNoError(err, "open the extender's log in the folder named by "+logsVariable)
	return log
}

// writeKubeconfig gives the extender the rights of the test itself.
func writeKubeconfig(tCtx ktesting.TContext, rest *restclient.Config) string {
	tCtx.Helper()
	config := clientcmdapi.NewConfig()
	cluster := clientcmdapi.NewCluster()
	cluster.Server = rest.Host
	cluster.CertificateAuthorityData = rest.CAData
	cluster.TLSServerName = rest.ServerName
	user := clientcmdapi.NewAuthInfo()
	user.Token = rest.BearerToken
	entry := clientcmdapi.NewContext()
	entry.Cluster, entry.AuthInfo = "upstream", "upstream"
	config.Clusters["upstream"], config.AuthInfos["upstream"], config.Contexts["upstream"] = cluster, user, entry
	config.CurrentContext = "upstream"
	path := filepath.Join(tCtx.TempDir(), "kubeconfig")
	tCtx.ExpectNoError(clientcmd.WriteToFile(*config, path), "write the extender's kubeconfig")
	return path
}
