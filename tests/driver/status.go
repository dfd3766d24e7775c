package main

import (
	"context"
	"fmt"
	"time"

	resourceapi "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const attachInterval = 200 * time.Millisecond

// attach makes devices ready after they were allocated, as a controller of composable hardware does.
func (p *plugin) attach(ctx context.Context) {
	for ctx.Err() == nil {
		claims, err := p.client.ResourceV1().ResourceClaims("").List(ctx, metav1.ListOptions{})
		if err != nil && ctx.Err() == nil {
			p.fatal(fmt.Errorf("list claims: %w", err))
			return
		}
		for _, claim := range claims.Items {
			if len(p.results(&claim)) == 0 || len(claim.Status.Devices) > 0 {
				continue
			}
			if err := p.report(ctx, &claim, attached); err != nil {
				p.fatal(fmt.Errorf("report: %w", err))
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(attachInterval):
		}
	}
}

func attached(result resourceapi.DeviceRequestAllocationResult) resourceapi.AllocatedDeviceStatus {
	return status(result, metav1.Condition{Type: ready, Status: metav1.ConditionTrue, Reason: "Attached"})
}

func networked(result resourceapi.DeviceRequestAllocationResult) resourceapi.AllocatedDeviceStatus {
	reported := status(result, metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Prepared"})
	reported.NetworkData = &resourceapi.NetworkDeviceData{InterfaceName: "net1", IPs: []string{"192.0.2.7/24"}}
	return reported
}

func status(
	result resourceapi.DeviceRequestAllocationResult, condition metav1.Condition,
) resourceapi.AllocatedDeviceStatus {
	condition.LastTransitionTime = metav1.Now()
	reported := resourceapi.AllocatedDeviceStatus{
		Driver: result.Driver, Pool: result.Pool, Device: result.Device, Conditions: []metav1.Condition{condition},
	}
	if result.ShareID != nil {
		share := string(*result.ShareID)
		reported.ShareID = &share
	}
	return reported
}

// report writes the status of the claim's devices; another writer of the claim may come before it.
func (p *plugin) report(
	ctx context.Context,
	claim *resourceapi.ResourceClaim,
	reported func(resourceapi.DeviceRequestAllocationResult) resourceapi.AllocatedDeviceStatus,
) error {
	client := p.client.ResourceV1().ResourceClaims(claim.Namespace)
	for {
		current, err := client.Get(ctx, claim.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || (err == nil && current.UID != claim.UID) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		current.Status.Devices = nil
		for _, result := range p.results(current) {
			current.Status.Devices = append(current.Status.Devices, reported(result))
		}
		_, err = client.UpdateStatus(ctx, current, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
}
