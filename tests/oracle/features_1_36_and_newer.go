//go:build !kube134 && !kube135

package main

import (
	"errors"

	dracel "k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
)

func fieldsOf(name string) []string {
	return []string{name}
}

func failedOnNode(err error) bool {
	return errors.Is(err, structured.ErrFailedAllocationOnNode)
}

func celFeatures(features structured.Features) dracel.Features {
	return dracel.Features{
		EnableConsumableCapacity: features.ConsumableCapacity,
		EnableListTypeAttributes: features.ListTypeAttributes,
	}
}

func initialFeatures() structured.Features {
	return structured.Features{}
}
