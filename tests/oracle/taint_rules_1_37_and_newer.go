//go:build !kube134 && !kube135 && !kube136

package main

import resourceapi "k8s.io/api/resource/v1"

type taintRule = resourceapi.DeviceTaintRule

// layTaintRules adds the taints of the rules to the devices that they select.
// A rule without a selector selects none.
func layTaintRules(objects *inventory) error {
	for _, rule := range objects.rules {
		selector := rule.Spec.DeviceSelector
		if selector == nil {
			continue
		}
		for _, slice := range objects.slices {
			if selector.Driver != nil && *selector.Driver != slice.Spec.Driver ||
				selector.Pool != nil && *selector.Pool != slice.Spec.Pool.Name {
				continue
			}
			for i := range slice.Spec.Devices {
				device := &slice.Spec.Devices[i]
				if selector.Device == nil || *selector.Device == device.Name {
					device.Taints = append(device.Taints, rule.Spec.Taint)
				}
			}
		}
	}
	return nil
}
