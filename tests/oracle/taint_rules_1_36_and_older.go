//go:build kube134 || kube135 || kube136

package main

import resourceapi "k8s.io/api/resource/v1"

// layTaintRules adds the taints of the rules to the devices that they select.
// A rule without a selector selects all.
func layTaintRules(objects *inventory) error {
	for _, rule := range objects.rules {
		selector := rule.Spec.DeviceSelector
		if selector == nil {
			selector = &taintSelector{}
		}
		expressions, known := expressionsOf(selector, objects)
		if !known {
			continue
		}
		for _, slice := range objects.slices {
			if selector.Driver != nil && *selector.Driver != slice.Spec.Driver ||
				selector.Pool != nil && *selector.Pool != slice.Spec.Pool.Name {
				continue
			}
			for i := range slice.Spec.Devices {
				device := &slice.Spec.Devices[i]
				if selector.Device != nil && *selector.Device != device.Name {
					continue
				}
				selected, err := selects(expressions, slice.Spec.Driver, device)
				if err != nil {
					return err
				}
				if selected {
					device.Taints = append(device.Taints, resourceapi.DeviceTaint{
						Key:       rule.Spec.Taint.Key,
						Value:     rule.Spec.Taint.Value,
						Effect:    resourceapi.DeviceTaintEffect(rule.Spec.Taint.Effect),
						TimeAdded: rule.Spec.Taint.TimeAdded,
					})
				}
			}
		}
	}
	return nil
}
