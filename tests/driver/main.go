// Command driver is a DRA driver for the end-to-end tests, made with the helper that real drivers are made
// with, and the kubelet's side of its socket.
//
//	driver serve --mode plain --driver NAME --node NODE --kubeconfig FILE --folder FOLDER
//	driver prepare|unprepare --driver NAME --folder FOLDER < claims.json
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// place is where driver and kubelet meet.
type place struct {
	driver string
	folder string
}

func (p place) flags(set *flag.FlagSet) *place {
	set.StringVar(&p.driver, "driver", "", "name of the driver")
	set.StringVar(&p.folder, "folder", "", "folder of the sockets")
	return &p
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("a command is missing: serve, prepare or unprepare")
	}
	set := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	where := place{}.flags(set)
	switch arguments[0] {
	case "serve":
		mode := set.String("mode", "plain", "what the devices are like")
		node := set.String("node", "", "name of the node")
		kubeconfig := set.String("kubeconfig", "", "file to reach the API server with")
		if err := set.Parse(arguments[1:]); err != nil {
			return err
		}
		client, err := connect(*kubeconfig)
		if err != nil {
			return err
		}
		return serve(ctx, client, *where, *mode, *node)
	case "prepare", "unprepare":
		if err := set.Parse(arguments[1:]); err != nil {
			return err
		}
		return call(ctx, *where, arguments[0], os.Stdin, os.Stdout)
	}
	return fmt.Errorf("unknown command %q", arguments[0])
}

func connect(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return kubernetes.NewForConfig(config)
}
