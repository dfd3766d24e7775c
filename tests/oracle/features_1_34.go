//go:build kube134

package main

import (
	dracel "k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
)

// fieldsOf: binding conditions were two features, and the gate of the device
// status is on by default, so that the scheduler always sets it.
func fieldsOf(name string) []string {
	if name == "DeviceBindingAndStatus" {
		return []string{"DeviceBinding"}
	}
	return []string{name}
}

// failedOnNode: no error concerns one node only.
func failedOnNode(error) bool {
	return false
}

func celFeatures(features structured.Features) dracel.Features {
	return dracel.Features{EnableConsumableCapacity: features.ConsumableCapacity}
}

// initialFeatures: the gate of the device status is on by default.
func initialFeatures() structured.Features {
	return structured.Features{DeviceStatus: true}
}
