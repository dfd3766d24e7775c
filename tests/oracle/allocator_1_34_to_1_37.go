//go:build !kube138

package main

import (
	"context"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/structured"
)

func newAllocator(ctx context.Context, features structured.Features, state structured.AllocatedState,
	objects *inventory) (structured.Allocator, error) {
	return structured.NewAllocator(ctx, allocatorFeatures(features), state, objects, objects.slices, celCache(features))
}

func noShares() sets.Set[structured.SharedDeviceID] {
	return sets.New[structured.SharedDeviceID]()
}

func addShare(state *structured.AllocatedState, id structured.DeviceID, shareID *types.UID) {
	state.AllocatedSharedDeviceIDs.Insert(structured.MakeSharedDeviceID(id, shareID))
}

// consumedCapacityError: these versions do not check what claims consume.
func consumedCapacityError(map[resourceapi.QualifiedName]resource.Quantity) error {
	return nil
}
