//go:build kube135

package main

import (
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/api/resource/v1alpha3"
)

type taintRule = v1alpha3.DeviceTaintRule
type taintSelector = v1alpha3.DeviceTaintSelector

func expressionsOf(*taintSelector, *inventory) ([]string, bool) {
	return nil, true
}

func selects([]string, string, *resourceapi.Device) (bool, error) {
	return true, nil
}
