//go:build !kube134 && !kube135 && !kube136 && !kube138

package main

import (
	"context"

	dracel "k8s.io/dynamic-resource-allocation/cel"
)

func setDerived(options *dracel.Options) error {
	options.DerivedAttribute = true
	return nil
}

func evaluateDerived(compiled dracel.CompilationResult, device celDevice) (any, *uint64, error) {
	attribute, details, err := compiled.EvaluateDerivedAttribute(context.Background(), inputOf(device))
	if details == nil {
		return attribute, nil, err
	}
	return attribute, details.ActualCost(), err
}
