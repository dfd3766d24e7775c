package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	dracel "k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
	"k8s.io/utils/ptr"
)

// placementRequest is the part of POST /api/v1/placements that the allocator
// needs, with objects in resource.k8s.io/v1 and one Pod.
type placementRequest struct {
	Pods      []v1.Pod          `json:"pods"`
	Features  map[string]bool   `json:"features"`
	Objects   []json.RawMessage `json:"objects"`
	Nodes     []string          `json:"nodes"`     // only these
	TimeoutMS int               `json:"timeoutMs"` // for each node; default 10 s, as in kube-scheduler
}

type nodeAnswer struct {
	Verdict     string                         `json:"verdict"` // fits, misfit, invalid, timeout
	Error       string                         `json:"error,omitempty"`
	Allocations []resourceapi.AllocationResult `json:"allocations,omitempty"`
	Steps       int64                          `json:"steps"`
}

type placementAnswer struct {
	Nodes map[string]nodeAnswer `json:"nodes"`
}

// inventory is what the objects say, and the lister of classes.
type inventory struct {
	nodes   []*v1.Node
	slices  []*resourceapi.ResourceSlice
	classes map[string]*resourceapi.DeviceClass
	claims  map[types.NamespacedName]*resourceapi.ResourceClaim
	rules   []*taintRule
}

func (i *inventory) List() ([]*resourceapi.DeviceClass, error) {
	return nil, errors.New("the allocator does not list classes")
}

func (i *inventory) Get(name string) (*resourceapi.DeviceClass, error) {
	if class := i.classes[name]; class != nil {
		return class, nil
	}
	return nil, fmt.Errorf("device class %q not found", name)
}

// celCaches holds one cache of compiled expressions for each set of features.
var celCaches = map[dracel.Features]*dracel.Cache{}

func answerAllocate(line []byte) (any, error) {
	var request placementRequest
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	features, err := readFeatures(request.Features)
	if err != nil {
		return nil, err
	}
	objects, err := readObjects(request.Objects)
	if err != nil {
		return nil, err
	}
	if len(request.Pods) != 1 {
		return nil, fmt.Errorf("%d pods instead of one", len(request.Pods))
	}
	claims, bound, err := claimsToAllocate(objects, &request.Pods[0])
	if err != nil {
		return nil, err
	}
	if features.DeviceTaints {
		if err := layTaintRules(objects); err != nil {
			return nil, err
		}
	}
	timeout := 10 * time.Second
	if request.TimeoutMS > 0 {
		timeout = time.Duration(request.TimeoutMS) * time.Millisecond
	}
	wanted := sets.New(request.Nodes...)
	answer := placementAnswer{Nodes: map[string]nodeAnswer{}}
	for _, node := range objects.nodes {
		if len(wanted) != 0 && !wanted.Has(node.Name) {
			continue
		}
		reachable, err := reaches(node, bound)
		switch {
		case err != nil:
			return nil, err
		case reachable:
			answer.Nodes[node.Name] = allocateOn(node, objects, claims, features, timeout)
		default:
			answer.Nodes[node.Name] = nodeAnswer{Verdict: "misfit", Error: "a claim's devices are elsewhere"}
		}
	}
	return answer, nil
}

func allocateOn(node *v1.Node, objects *inventory, claims []*resourceapi.ResourceClaim,
	features structured.Features, timeout time.Duration) (answer nodeAnswer) {
	// What only objects that the API server refuses can do, like a range with a step of zero.
	defer func() {
		if failure := recover(); failure != nil {
			answer = nodeAnswer{Verdict: "invalid", Error: fmt.Sprintf("panic: %v", failure)}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	state, err := allocatedState(objects, features.ConsumableCapacity)
	if err != nil {
		return nodeAnswer{Verdict: "invalid", Error: err.Error()}
	}
	allocator, err := newAllocator(ctx, features, state, objects)
	if err != nil {
		return nodeAnswer{Verdict: "invalid", Error: err.Error()}
	}
	allocations, err := allocator.Allocate(ctx, node, claims)
	answer.Steps = steps(allocator)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		answer.Verdict = "timeout"
	case failedOnNode(err):
		answer.Verdict, answer.Error = "misfit", err.Error()
	case err != nil:
		answer.Verdict, answer.Error = "invalid", err.Error()
	case len(allocations) < len(claims):
		answer.Verdict = "misfit"
	default:
		answer.Verdict, answer.Allocations = "fits", allocations
	}
	return answer
}

// steps reads NumAllocateOneInvocations. The type it is in cannot be named
// outside of its module, hence the reflection.
func steps(allocator structured.Allocator) int64 {
	stats := reflect.ValueOf(allocator).MethodByName("GetStats").Call(nil)[0]
	if stats.Kind() == reflect.Pointer {
		stats = stats.Elem()
	}
	return stats.FieldByName("NumAllocateOneInvocations").Int()
}

func celCache(features structured.Features) *dracel.Cache {
	key := celFeatures(features)
	cache := celCaches[key]
	if cache == nil {
		cache = dracel.NewCache(1000, key)
		celCaches[key] = cache
	}
	return cache
}

// readFeatures starts from what is on by default in Kubernetes 1.37, as far as
// the version knows it. A feature that it does not know cannot be on.
func readFeatures(switches map[string]bool) (structured.Features, error) {
	features := initialFeatures()
	for _, name := range []string{
		"AdminAccess", "ConsumableCapacity", "DeviceBindingAndStatus", "DeviceTaints",
		"FractionalCapacityRange", "PartitionableDevices", "PrioritizedList",
	} {
		setFeature(&features, name, true)
	}
	for name, on := range switches {
		if !setFeature(&features, name, on) && on {
			return features, fmt.Errorf("unknown feature %q", name)
		}
	}
	return features, nil
}

// setFeature switches a feature by its name, and tells whether there is one.
func setFeature(features *structured.Features, name string, on bool) bool {
	known := false
	for _, name := range fieldsOf(name) {
		if field := reflect.ValueOf(features).Elem().FieldByName(name); field.IsValid() {
			field.SetBool(on)
			known = true
		}
	}
	return known
}

func readObjects(raw []json.RawMessage) (*inventory, error) {
	objects := &inventory{
		classes: map[string]*resourceapi.DeviceClass{},
		claims:  map[types.NamespacedName]*resourceapi.ResourceClaim{},
	}
	for _, item := range raw {
		var kind struct{ APIVersion, Kind string }
		if err := json.Unmarshal(item, &kind); err != nil {
			return nil, err
		}
		if kind.APIVersion != "v1" && kind.APIVersion != "resource.k8s.io/v1" && kind.Kind != "DeviceTaintRule" {
			return nil, fmt.Errorf("apiVersion %q", kind.APIVersion)
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
		return json.Unmarshal(raw, object)
	case "DeviceTaintRule":
		object := &taintRule{}
		i.rules = append(i.rules, object)
		return json.Unmarshal(raw, object)
	case "DeviceClass":
		object := &resourceapi.DeviceClass{}
		if err := json.Unmarshal(raw, object); err != nil {
			return err
		}
		i.classes[object.Name] = object
	case "ResourceClaim":
		object := &resourceapi.ResourceClaim{}
		if err := json.Unmarshal(raw, object); err != nil {
			return err
		}
		setDefaults(object)
		i.claims[types.NamespacedName{Namespace: object.Namespace, Name: object.Name}] = object
	default:
		return fmt.Errorf("kind %q", kind)
	}
	return nil
}

// setDefaults does what the API server does before it stores a claim.
func setDefaults(claim *resourceapi.ResourceClaim) {
	for i := range claim.Spec.Devices.Requests {
		request := &claim.Spec.Devices.Requests[i]
		if exactly := request.Exactly; exactly != nil {
			setModeDefaults(&exactly.AllocationMode, &exactly.Count, exactly.Tolerations)
		}
		for j := range request.FirstAvailable {
			sub := &request.FirstAvailable[j]
			setModeDefaults(&sub.AllocationMode, &sub.Count, sub.Tolerations)
		}
	}
}

func setModeDefaults(mode *resourceapi.DeviceAllocationMode, count *int64, tolerations []resourceapi.DeviceToleration) {
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

// claimsToAllocate returns the Pod's claims that have no allocation yet, and
// the node selectors of those that have one.
func claimsToAllocate(objects *inventory, pod *v1.Pod) ([]*resourceapi.ResourceClaim, []*v1.NodeSelector, error) {
	namespace := pod.Namespace
	if namespace == "" {
		namespace = "default"
	}
	var claims []*resourceapi.ResourceClaim
	var bound []*v1.NodeSelector
	for _, podClaim := range pod.Spec.ResourceClaims {
		if podClaim.ResourceClaimName == nil {
			return nil, nil, fmt.Errorf("claim %s of the Pod has no resourceClaimName", podClaim.Name)
		}
		name := types.NamespacedName{Namespace: namespace, Name: *podClaim.ResourceClaimName}
		claim := objects.claims[name]
		if claim == nil {
			return nil, nil, fmt.Errorf("claim %s not found", name)
		}
		if claim.Status.Allocation == nil {
			claims = append(claims, claim)
		} else if selector := claim.Status.Allocation.NodeSelector; selector != nil {
			bound = append(bound, selector)
		}
	}
	return claims, bound, nil
}

// reaches tells whether the devices that the Pod's claims have already can be
// used from the node. The scheduler plugin asks that before it allocates.
func reaches(node *v1.Node, bound []*v1.NodeSelector) (bool, error) {
	for _, source := range bound {
		selector, err := nodeaffinity.NewNodeSelector(source)
		if err != nil {
			return false, err
		}
		if !selector.Match(node) {
			return false, nil
		}
	}
	return true, nil
}

// allocatedState collects what claims hold, as the scheduler plugin does: not
// with admin access, and shares as whole devices if there are no shares.
func allocatedState(objects *inventory, shares bool) (structured.AllocatedState, error) {
	state := structured.AllocatedState{
		AllocatedDevices:         sets.New[structured.DeviceID](),
		AllocatedSharedDeviceIDs: noShares(),
		AggregatedCapacity:       structured.NewConsumedCapacityCollection(),
	}
	for _, claim := range objects.claims {
		if claim.Status.Allocation == nil {
			continue
		}
		for _, result := range claim.Status.Allocation.Devices.Results {
			if err := consumedCapacityError(result.ConsumedCapacity); shares && err != nil {
				return state, err
			}
			if ptr.Deref(result.AdminAccess, false) {
				continue
			}
			id := structured.MakeDeviceID(result.Driver, result.Pool, result.Device)
			if !shares || result.ShareID == nil {
				state.AllocatedDevices.Insert(id)
				continue
			}
			addShare(&state, id, result.ShareID)
			if result.ConsumedCapacity != nil {
				state.AggregatedCapacity.Insert(structured.NewDeviceConsumedCapacity(id, result.ConsumedCapacity))
			}
		}
	}
	return state, nil
}
