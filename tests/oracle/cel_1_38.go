//go:build kube138

package main

import (
	"context"

	"github.com/blang/semver/v4"
	resourceapi "k8s.io/api/resource/v1"
	draapi "k8s.io/dynamic-resource-allocation/api"
	dracel "k8s.io/dynamic-resource-allocation/cel"
)

func setDerived(options *dracel.Options) error {
	options.DerivedAttribute = true
	return nil
}

// inputOf converts the device in a slice of its own, as the scheduler does with
// every slice.
func inputOf(device celDevice) (dracel.Device, error) {
	published := &resourceapi.ResourceSlice{Spec: resourceapi.ResourceSliceSpec{
		Driver: device.Driver,
		Devices: []resourceapi.Device{{
			Name:                     "device",
			AllowMultipleAllocations: device.AllowMultipleAllocations,
			Attributes:               device.Attributes,
			Capacity:                 device.Capacity,
		}},
	}}
	slice := &draapi.ResourceSlice{}
	if err := draapi.Convert_v1_ResourceSlice_To_api_ResourceSlice(published, slice, nil); err != nil {
		return dracel.Device{}, err
	}
	return dracel.Device{
		Driver:                   device.Driver,
		AllowMultipleAllocations: device.AllowMultipleAllocations,
		Attributes:               slice.Spec.Devices[0].Attributes,
		Capacity:                 slice.Spec.Devices[0].Capacity,
		LookupUniqueString:       slice.LookupUniqueString,
	}, nil
}

func deviceMatches(compiled dracel.CompilationResult, device celDevice) (bool, *uint64, error) {
	input, err := inputOf(device)
	if err != nil {
		return false, nil, err
	}
	matches, details, err := compiled.DeviceMatches(context.Background(), input)
	if details == nil {
		return matches, nil, err
	}
	return matches, details.ActualCost(), err
}

func evaluateDerived(compiled dracel.CompilationResult, device celDevice) (any, *uint64, error) {
	input, err := inputOf(device)
	if err != nil {
		return nil, nil, err
	}
	input.LookupUniqueString = draapi.MakeUniqueString
	value, details, err := compiled.EvaluateDerivedAttribute(context.Background(), input)
	if details == nil {
		return nil, nil, err
	}
	return asAttribute(value), details.ActualCost(), err
}

func asAttribute(value any) any {
	switch value := value.(type) {
	case int64:
		return resourceapi.DeviceAttribute{IntValue: &value}
	case bool:
		return resourceapi.DeviceAttribute{BoolValue: &value}
	case string:
		return resourceapi.DeviceAttribute{StringValue: &value}
	case semver.Version:
		text := value.String()
		return resourceapi.DeviceAttribute{VersionValue: &text}
	case []int64:
		return resourceapi.DeviceAttribute{IntValues: value}
	case []bool:
		return resourceapi.DeviceAttribute{BoolValues: value}
	case []string:
		return resourceapi.DeviceAttribute{StringValues: value}
	case []semver.Version:
		texts := make([]string, 0, len(value))
		for _, version := range value {
			texts = append(texts, version.String())
		}
		return resourceapi.DeviceAttribute{VersionValues: texts}
	}
	return nil
}
