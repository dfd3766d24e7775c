//go:build kube134

package main

import (
	"context"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/api/resource/v1alpha3"
	dracel "k8s.io/dynamic-resource-allocation/cel"
)

type taintRule = v1alpha3.DeviceTaintRule
type taintSelector = v1alpha3.DeviceTaintSelector

// expressionsOf returns the selectors of the rule and its class, and whether
// there is that class.
func expressionsOf(selector *taintSelector, objects *inventory) ([]string, bool) {
	var expressions []string
	if selector.DeviceClassName != nil {
		class := objects.classes[*selector.DeviceClassName]
		if class == nil {
			return nil, false
		}
		for _, item := range class.Spec.Selectors {
			if item.CEL != nil {
				expressions = append(expressions, item.CEL.Expression)
			}
		}
	}
	for _, item := range selector.Selectors {
		if item.CEL != nil {
			expressions = append(expressions, item.CEL.Expression)
		}
	}
	return expressions, true
}

// selects: a device on which an expression fails is not selected, and a broken
// expression is an error.
func selects(expressions []string, driver string, device *resourceapi.Device) (bool, error) {
	for _, expression := range expressions {
		compiled := dracel.GetCompiler(dracel.Features{}).CompileCELExpression(expression, dracel.Options{})
		if compiled.Error != nil {
			return false, compiled.Error
		}
		input := dracel.Device{Driver: driver, Attributes: device.Attributes, Capacity: device.Capacity}
		matches, _, err := compiled.DeviceMatches(context.Background(), input)
		if err != nil || !matches {
			return false, nil
		}
	}
	return true, nil
}
