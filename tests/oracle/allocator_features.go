//go:build !kube136 && !kube138

package main

import "k8s.io/dynamic-resource-allocation/structured"

func allocatorFeatures(features structured.Features) structured.Features {
	return features
}
