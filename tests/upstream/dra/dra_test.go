// Package upstream runs Kubernetes' own tests, with this program in the plugin's place or without it.
package upstream

import (
	"testing"

	"k8s.io/kubernetes/test/integration/dra"
	"k8s.io/kubernetes/test/integration/framework"
)

func TestMain(m *testing.M) { framework.EtcdMain(m.Run) }

func TestDRA(t *testing.T) { dra.Run(t, "^(all|default|GA)$") }
