//go:build kube138

package main

import (
	"context"
	"fmt"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	draapi "k8s.io/dynamic-resource-allocation/api"
	"k8s.io/dynamic-resource-allocation/structured"
)

func newAllocator(ctx context.Context, features structured.Features, state structured.AllocatedState,
	objects *inventory) (structured.Allocator, error) {
	slices := make([]*draapi.ResourceSlice, 0, len(objects.slices))
	for _, published := range objects.slices {
		slice := &draapi.ResourceSlice{}
		if err := draapi.Convert_v1_ResourceSlice_To_api_ResourceSlice(published, slice, nil); err != nil {
			return nil, err
		}
		slices = append(slices, slice)
	}
	return structured.NewAllocator(ctx, features, state, objects, slices, celCache(features))
}

func noShares() sets.Set[structured.DeviceID] {
	return sets.New[structured.DeviceID]()
}

func addShare(state *structured.AllocatedState, id structured.DeviceID, _ *types.UID) {
	state.AllocatedSharedDeviceIDs.Insert(id)
}

// consumedCapacityError does what the scheduler plugin does before it asks the
// allocator: one negative amount of any claim fails every attempt.
func consumedCapacityError(consumed map[resourceapi.QualifiedName]resource.Quantity) error {
	for name, amount := range consumed {
		if amount.Sign() < 0 {
			return fmt.Errorf("consumed capacity %q must not be negative, got %s", name, amount.String())
		}
	}
	return nil
}
