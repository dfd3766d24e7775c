package main

import (
	"fmt"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/dynamic-resource-allocation/resourceslice"
	"k8s.io/utils/ptr"
)

const (
	ready  = "example.com/Ready"
	broken = "example.com/Broken"
)

// inventory is what the node has in a mode: a pool named after the node.
func inventory(mode, node string) (resourceslice.DriverResources, error) {
	slices, known := map[string]func() []resourceslice.Slice{
		"plain":       plain,
		"partitioned": partitioned,
		"consumable":  consumable,
		"binding":     binding,
		"status":      plain,
	}[mode]
	if !known {
		return resourceslice.DriverResources{}, fmt.Errorf("unknown mode %q", mode)
	}
	return resourceslice.DriverResources{Pools: map[string]resourceslice.Pool{node: {Slices: slices()}}}, nil
}

// plain has two cards with an attribute of each type.
func plain() []resourceslice.Slice {
	var devices []resourceapi.Device
	for number := range int64(2) {
		devices = append(devices, resourceapi.Device{
			Name: fmt.Sprintf("card-%d", number),
			Attributes: map[resourceapi.QualifiedName]resourceapi.DeviceAttribute{
				"index":   {IntValue: ptr.To(number)},
				"ecc":     {BoolValue: ptr.To(number == 0)},
				"model":   {StringValue: ptr.To("Test 40")},
				"version": {VersionValue: ptr.To("1.2.3")},
			},
			Capacity: map[resourceapi.QualifiedName]resourceapi.DeviceCapacity{
				"memory": {Value: resource.MustParse("40Gi")},
			},
		})
	}
	return []resourceslice.Slice{{Devices: devices}}
}

// partitioned has a card that is used as a whole or in two halves; counters have a slice of their own.
func partitioned() []resourceslice.Slice {
	counted := func(name, engines string) resourceapi.Device {
		return resourceapi.Device{
			Name: name,
			Attributes: map[resourceapi.QualifiedName]resourceapi.DeviceAttribute{
				"engines": {StringValue: ptr.To(engines)},
			},
			ConsumesCounters: []resourceapi.DeviceCounterConsumption{{
				CounterSet: "card-0",
				Counters:   map[string]resourceapi.Counter{"engines": {Value: resource.MustParse(engines)}},
			}},
		}
	}
	counters := []resourceapi.CounterSet{{
		Name:     "card-0",
		Counters: map[string]resourceapi.Counter{"engines": {Value: resource.MustParse("8")}},
	}}
	return []resourceslice.Slice{
		{SharedCounters: counters},
		{Devices: []resourceapi.Device{counted("whole", "8"), counted("half-0", "4"), counted("half-1", "4")}},
	}
}

// consumable has one card whose memory several claims share, in steps of 10Gi.
func consumable() []resourceslice.Slice {
	return []resourceslice.Slice{{Devices: []resourceapi.Device{{
		Name:                     "shared",
		AllowMultipleAllocations: ptr.To(true),
		Capacity: map[resourceapi.QualifiedName]resourceapi.DeviceCapacity{"memory": {
			Value: resource.MustParse("40Gi"),
			RequestPolicy: &resourceapi.CapacityRequestPolicy{
				Default: ptr.To(resource.MustParse("10Gi")),
				ValidRange: &resourceapi.CapacityRequestPolicyRange{
					Min:  ptr.To(resource.MustParse("10Gi")),
					Max:  ptr.To(resource.MustParse("40Gi")),
					Step: ptr.To(resource.MustParse("10Gi")),
				},
			},
		}},
	}}}}
}

// binding has a card that has to be attached before a Pod may be bound.
func binding() []resourceslice.Slice {
	return []resourceslice.Slice{{Devices: []resourceapi.Device{{
		Name:                     "attached",
		BindsToNode:              ptr.To(true),
		BindingConditions:        []string{ready},
		BindingFailureConditions: []string{broken},
	}}}}
}
