//go:build kube136

package main

import (
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/api/resource/v1beta2"
)

type taintRule = v1beta2.DeviceTaintRule
type taintSelector = v1beta2.DeviceTaintSelector

func expressionsOf(*taintSelector, *inventory) ([]string, bool) {
	return nil, true
}

func selects([]string, string, *resourceapi.Device) (bool, error) {
	return true, nil
}
