//go:build kube136

package main

import "k8s.io/dynamic-resource-allocation/structured"

// allocatorFeatures: the scheduler plugin of 1.36 passes this feature to CEL only.
func allocatorFeatures(features structured.Features) structured.Features {
	features.ListTypeAttributes = false
	return features
}
