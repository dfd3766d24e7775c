package main

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1beta1"
)

// readObjects reads objects of resource.k8s.io/v1 as the API server stores
// them in v1beta1.
func readObjects(raw []json.RawMessage) (*inventory, error) {
	objects := &inventory{
		classes: map[string]*resourceapi.DeviceClass{},
		claims:  map[string]*resourceapi.ResourceClaim{},
	}
	for _, item := range raw {
		var kind struct{ Kind string }
		if err := json.Unmarshal(item, &kind); err != nil {
			return nil, err
		}
		if err := objects.add(kind.Kind, item); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

func (i *inventory) add(kind string, raw json.RawMessage) error {
	switch kind {
	case "Node":
		object := &v1.Node{}
		i.nodes = append(i.nodes, object)
		return json.Unmarshal(raw, object)
	case "ResourceSlice":
		object := &resourceapi.ResourceSlice{}
		i.slices = append(i.slices, object)
		return readWithDevices(raw, object)
	case "DeviceClass":
		object := &resourceapi.DeviceClass{}
		if err := json.Unmarshal(raw, object); err != nil {
			return err
		}
		i.classes[object.Name] = object
	case "ResourceClaim":
		object := &resourceapi.ResourceClaim{}
		if err := readWithRequests(raw, object); err != nil {
			return err
		}
		i.claims[object.Name] = object
	default:
		return fmt.Errorf("kind %q", kind)
	}
	return nil
}

// readWithDevices reads all fields of a device but its name under basic.
func readWithDevices(raw json.RawMessage, slice *resourceapi.ResourceSlice) error {
	var source struct {
		Spec struct{ Devices []json.RawMessage }
	}
	if err := json.Unmarshal(raw, &source); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, slice); err != nil {
		return err
	}
	for number, device := range source.Spec.Devices {
		basic := &resourceapi.BasicDevice{}
		if err := json.Unmarshal(device, basic); err != nil {
			return err
		}
		slice.Spec.Devices[number].Basic = basic
	}
	return nil
}

// readWithRequests reads what a request has under exactly as its own fields.
func readWithRequests(raw json.RawMessage, claim *resourceapi.ResourceClaim) error {
	var source struct {
		Spec struct {
			Devices struct {
				Requests []struct{ Exactly json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(raw, &source); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, claim); err != nil {
		return err
	}
	for number, item := range source.Spec.Devices.Requests {
		request := &claim.Spec.Devices.Requests[number]
		if item.Exactly != nil {
			if err := json.Unmarshal(item.Exactly, request); err != nil {
				return err
			}
			setDefaults(&request.AllocationMode, &request.Count, request.Tolerations)
		}
		for j := range request.FirstAvailable {
			sub := &request.FirstAvailable[j]
			setDefaults(&sub.AllocationMode, &sub.Count, sub.Tolerations)
		}
	}
	return nil
}

// setDefaults does what the API server does before it stores a claim.
func setDefaults(mode *resourceapi.DeviceAllocationMode, count *int64, tolerations []resourceapi.DeviceToleration) {
	if *mode == "" {
		*mode = resourceapi.DeviceAllocationModeExactCount
	}
	if *mode == resourceapi.DeviceAllocationModeExactCount && *count == 0 {
		*count = 1
	}
	for i := range tolerations {
		if tolerations[i].Operator == "" {
			tolerations[i].Operator = resourceapi.DeviceTolerationOpEqual
		}
	}
}
