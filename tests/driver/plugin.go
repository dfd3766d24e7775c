package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/klog/v2"
)

// plugin prepares what was allocated of its node's devices, and nothing else.
type plugin struct {
	place
	client    kubernetes.Interface
	mode      string
	node      string
	exclusive map[string]bool // by device: whether one claim at a time may use it
	lock      sync.Mutex
	holders   map[string]map[types.UID]bool // by device
	fatal     context.CancelCauseFunc
}

// serve publishes the node's devices and answers the kubelet until the context ends.
func serve(ctx context.Context, client kubernetes.Interface, where place, mode, node string) error {
	resources, err := inventory(mode, node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	driver := &plugin{
		place: where, client: client, mode: mode, node: node, fatal: cancel,
		exclusive: map[string]bool{}, holders: map[string]map[types.UID]bool{},
	}
	for _, slice := range resources.Pools[node].Slices {
		for _, device := range slice.Devices {
			shared := device.AllowMultipleAllocations != nil && *device.AllowMultipleAllocations
			driver.exclusive[device.Name] = !shared
		}
	}
	if err := os.MkdirAll(where.folder, 0o700); err != nil {
		return err
	}
	helper, err := kubeletplugin.Start(ctx, driver,
		kubeletplugin.DriverName(where.driver),
		kubeletplugin.KubeClient(client),
		kubeletplugin.NodeName(node),
		kubeletplugin.RegistrarDirectoryPath(where.folder),
		kubeletplugin.RegistrarSocketFilename(filepath.Base(where.registrar())),
		kubeletplugin.PluginDataDirectoryPath(where.folder),
	)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer helper.Stop()
	if err := helper.PublishResources(ctx, resources); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if mode == "binding" {
		go driver.attach(ctx)
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (p place) registrar() string {
	return filepath.Join(p.folder, "registrar.sock")
}

// PrepareResourceClaims is called with the claims of one Pod.
func (p *plugin) PrepareResourceClaims(
	ctx context.Context, claims []*resourceapi.ResourceClaim,
) (map[types.UID]kubeletplugin.PrepareResult, error) {
	results := map[types.UID]kubeletplugin.PrepareResult{}
	for _, claim := range claims {
		devices, err := p.prepare(claim)
		if err == nil && p.mode == "status" {
			err = p.report(ctx, claim, networked)
		}
		results[claim.UID] = kubeletplugin.PrepareResult{Devices: devices, Err: err}
	}
	return results, nil
}

func (p *plugin) prepare(claim *resourceapi.ResourceClaim) ([]kubeletplugin.Device, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	mine := p.results(claim)
	for _, result := range mine {
		exclusive, known := p.exclusive[result.Device]
		if !known || result.Pool != p.node {
			return nil, fmt.Errorf("no device %s/%s on node %s", result.Pool, result.Device, p.node)
		}
		for holder := range p.holders[result.Device] {
			if exclusive && holder != claim.UID {
				return nil, fmt.Errorf("device %s is prepared for claim %s", result.Device, holder)
			}
		}
	}
	var devices []kubeletplugin.Device
	for _, result := range mine {
		if p.holders[result.Device] == nil {
			p.holders[result.Device] = map[types.UID]bool{}
		}
		p.holders[result.Device][claim.UID] = true
		devices = append(devices, kubeletplugin.Device{
			Requests:     []string{result.Request},
			PoolName:     result.Pool,
			DeviceName:   result.Device,
			ShareID:      result.ShareID,
			CDIDeviceIDs: []string{fmt.Sprintf("%s/card=%s-%s", p.driver, claim.UID, result.Device)},
		})
	}
	return devices, nil
}

// results are those of a claim's allocation that are this driver's.
func (p *plugin) results(claim *resourceapi.ResourceClaim) []resourceapi.DeviceRequestAllocationResult {
	var mine []resourceapi.DeviceRequestAllocationResult
	if claim.Status.Allocation == nil {
		return nil
	}
	for _, result := range claim.Status.Allocation.Devices.Results {
		if result.Driver == p.driver {
			mine = append(mine, result)
		}
	}
	return mine
}

// UnprepareResourceClaims is called after the Pod has ended, also for claims that are gone.
func (p *plugin) UnprepareResourceClaims(
	_ context.Context, claims []kubeletplugin.NamespacedObject,
) (map[types.UID]error, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	results := map[types.UID]error{}
	for _, claim := range claims {
		for _, holders := range p.holders {
			delete(holders, claim.UID)
		}
		results[claim.UID] = nil
	}
	return results, nil
}

// HandleError ends the driver where the API server has dropped or refused what it publishes: the test has to
// see that.
func (p *plugin) HandleError(ctx context.Context, err error, msg string) {
	klog.FromContext(ctx).Error(err, msg)
	p.fatal(fmt.Errorf("%s: %w", msg, err))
}

// WatchHealthStatus reports nothing.
func (p *plugin) WatchHealthStatus(context.Context, chan<- kubeletplugin.DeviceHealthReport) error {
	return kubeletplugin.ErrHealthNotSupported
}
