//go:build !kube138

package main

import (
	"context"

	dracel "k8s.io/dynamic-resource-allocation/cel"
)

func inputOf(device celDevice) dracel.Device {
	return dracel.Device{
		Driver:                   device.Driver,
		AllowMultipleAllocations: device.AllowMultipleAllocations,
		Attributes:               device.Attributes,
		Capacity:                 device.Capacity,
	}
}

func deviceMatches(compiled dracel.CompilationResult, device celDevice) (bool, *uint64, error) {
	matches, details, err := compiled.DeviceMatches(context.Background(), inputOf(device))
	if details == nil {
		return matches, nil, err
	}
	return matches, details.ActualCost(), err
}
