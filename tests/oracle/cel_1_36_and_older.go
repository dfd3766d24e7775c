//go:build kube134 || kube135 || kube136

package main

import (
	"errors"

	dracel "k8s.io/dynamic-resource-allocation/cel"
)

var errNotDerived = errors.New("this version has no derived attributes")

func setDerived(*dracel.Options) error {
	return errNotDerived
}

func evaluateDerived(dracel.CompilationResult, celDevice) (any, *uint64, error) {
	return nil, nil, errNotDerived
}
