// Program oracle answers questions with the allocator of Kubernetes 1.33, in
// the form of the oracle of later versions (see the folder above). Its
// allocator has another interface, and its objects are those of v1beta1.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1beta1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
	"k8s.io/utils/ptr"
)

type placementRequest struct {
	Pods      []v1.Pod          `json:"pods"`
	Features  map[string]bool   `json:"features"`
	Objects   []json.RawMessage `json:"objects"`
	Nodes     []string          `json:"nodes"`     // only these
	TimeoutMS int               `json:"timeoutMs"` // for each node; default 10 s
}

type nodeAnswer struct {
	Verdict     string                         `json:"verdict"` // fits, misfit, invalid, timeout
	Error       string                         `json:"error,omitempty"`
	Allocations []resourceapi.AllocationResult `json:"allocations,omitempty"`
	Steps       int64                          `json:"steps"` // always 0: this allocator does not count them
}

var celCache = cel.NewCache(1000)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "allocate" {
		fmt.Fprintln(os.Stderr, "usage: oracle allocate < requests.jsonl > answers.jsonl")
		os.Exit(2)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			result, failure := answerAllocate(line)
			if failure != nil {
				result = map[string]string{"failure": failure.Error()}
			}
			if err := encoder.Encode(result); err != nil {
				fmt.Fprintln(os.Stderr, "oracle:", err)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

func answerAllocate(line []byte) (any, error) {
	var request placementRequest
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	if len(request.Pods) != 1 {
		return nil, fmt.Errorf("%d pods instead of one", len(request.Pods))
	}
	objects, err := readObjects(request.Objects)
	if err != nil {
		return nil, err
	}
	claims, bound, err := objects.claimsOf(&request.Pods[0])
	if err != nil {
		return nil, err
	}
	timeout := 10 * time.Second
	if request.TimeoutMS > 0 {
		timeout = time.Duration(request.TimeoutMS) * time.Millisecond
	}
	features := featuresOf(request.Features)
	wanted := sets.New(request.Nodes...)
	answers := map[string]nodeAnswer{}
	for _, node := range objects.nodes {
		if len(wanted) != 0 && !wanted.Has(node.Name) {
			continue
		}
		reachable, err := reaches(node, bound)
		switch {
		case err != nil:
			return nil, err
		case reachable:
			answers[node.Name] = allocateInTime(node, objects, claims, features, timeout)
		default:
			answers[node.Name] = nodeAnswer{Verdict: "misfit", Error: "a claim's devices are elsewhere"}
		}
	}
	return map[string]any{"nodes": answers}, nil
}

// featuresOf ignores what 1.33 does not know. A feature that is not named is on.
func featuresOf(switches map[string]bool) structured.Features {
	on := func(name string) bool {
		value, named := switches[name]
		return value || !named
	}
	return structured.Features{
		AdminAccess:          on("AdminAccess"),
		DeviceTaints:         on("DeviceTaints"),
		PartitionableDevices: on("PartitionableDevices"),
		PrioritizedList:      on("PrioritizedList"),
	}
}

// allocateInTime gives up on a search that does not end: this allocator does
// not look at the deadline of its context.
func allocateInTime(node *v1.Node, objects *inventory, claims []*resourceapi.ResourceClaim,
	features structured.Features, timeout time.Duration) nodeAnswer {
	done := make(chan nodeAnswer, 1)
	go func() { done <- allocateOn(node, objects, claims, features) }()
	select {
	case answer := <-done:
		return answer
	case <-time.After(timeout):
		return nodeAnswer{Verdict: "timeout"}
	}
}

func allocateOn(node *v1.Node, objects *inventory, claims []*resourceapi.ResourceClaim,
	features structured.Features) (answer nodeAnswer) {
	// What only objects that the API server refuses can do.
	defer func() {
		if failure := recover(); failure != nil {
			answer = nodeAnswer{Verdict: "invalid", Error: fmt.Sprintf("panic: %v", failure)}
		}
	}()
	ctx := context.Background()
	allocator, err := structured.NewAllocator(ctx, features, claims, objects.taken(), objects, objects.slices, celCache)
	if err != nil {
		return nodeAnswer{Verdict: "invalid", Error: err.Error()}
	}
	allocations, err := allocator.Allocate(ctx, node)
	switch {
	case err != nil:
		return nodeAnswer{Verdict: "invalid", Error: err.Error()}
	case len(allocations) < len(claims):
		return nodeAnswer{Verdict: "misfit"}
	default:
		return nodeAnswer{Verdict: "fits", Allocations: allocations}
	}
}

// reaches tells whether the devices that the Pod's claims have already can be
// used from the node.
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

// inventory is what the objects say, and the lister of classes.
type inventory struct {
	nodes   []*v1.Node
	slices  []*resourceapi.ResourceSlice
	classes map[string]*resourceapi.DeviceClass
	claims  map[string]*resourceapi.ResourceClaim
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

// taken are the devices of all claims, as the scheduler plugin collects them:
// not those with admin access.
func (i *inventory) taken() sets.Set[structured.DeviceID] {
	taken := sets.New[structured.DeviceID]()
	for _, claim := range i.claims {
		if claim.Status.Allocation == nil {
			continue
		}
		for _, result := range claim.Status.Allocation.Devices.Results {
			if !ptr.Deref(result.AdminAccess, false) {
				taken.Insert(structured.MakeDeviceID(result.Driver, result.Pool, result.Device))
			}
		}
	}
	return taken
}

// claimsOf returns the Pod's claims that have no allocation yet, and the node
// selectors of those that have one.
func (i *inventory) claimsOf(pod *v1.Pod) ([]*resourceapi.ResourceClaim, []*v1.NodeSelector, error) {
	var claims []*resourceapi.ResourceClaim
	var bound []*v1.NodeSelector
	for _, podClaim := range pod.Spec.ResourceClaims {
		claim := i.claims[ptr.Deref(podClaim.ResourceClaimName, "")]
		if claim == nil {
			return nil, nil, fmt.Errorf("the claim of %s is not found", podClaim.Name)
		}
		if claim.Status.Allocation == nil {
			claims = append(claims, claim)
		} else if selector := claim.Status.Allocation.NodeSelector; selector != nil {
			bound = append(bound, selector)
		}
	}
	return claims, bound, nil
}
