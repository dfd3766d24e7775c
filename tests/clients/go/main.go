// Asks a running service with the client that oapi-codegen generates from its OpenAPI document.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"dra-extender.example/clients/dra"
)

type answers struct {
	Node      string   `json:"node"`
	Device    string   `json:"device"`
	Fits      int      `json:"fits"`
	Summary   string   `json:"summary"`
	Devices   []string `json:"devices"`
	ErrorCode string   `json:"errorCode"`
	ErrorPath string   `json:"errorPath"`
}

func main() {
	log.SetFlags(0)
	found, err := ask(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func ask(url string) (answers, error) {
	var found answers
	ctx := context.Background()
	client, err := dra.NewClientWithResponses(url)
	if err != nil {
		return found, err
	}

	pod, template := manifest(podManifest), manifest(templateManifest)
	placed, err := client.PlacePodsWithResponse(ctx, dra.PlacementRequest{
		Pods:    &[]dra.KubernetesObject{pod},
		Objects: &[]dra.KubernetesObject{template},
	})
	if err != nil {
		return found, err
	}
	if placed.JSON200 == nil {
		return found, fmt.Errorf("placements: %s: %s", placed.Status(), placed.Body)
	}
	first := placed.JSON200.Pods[0]
	found.Node = *first.Node
	found.Device = *(*first.Claims[0].Allocation.Devices.Results)[0].Device

	room, err := client.CountCapacityWithResponse(ctx, dra.CapacityRequest{
		Pod:     &pod,
		Objects: &[]dra.KubernetesObject{template},
	})
	if err != nil {
		return found, err
	}
	found.Fits = room.JSON200.Fits

	why, err := client.ExplainPodWithResponse(ctx, os.Args[2], os.Args[3], nil)
	if err != nil {
		return found, err
	}
	found.Summary = why.JSON200.Summary

	limit, driver := 2, "gpu.example.com"
	page, err := client.ListDevicesWithResponse(ctx, &dra.ListDevicesParams{Limit: &limit, Driver: &driver})
	if err != nil {
		return found, err
	}
	for _, device := range page.JSON200.Items {
		found.Devices = append(found.Devices, device.Device)
	}

	many := -1
	refused, err := client.PlacePodsWithResponse(ctx, dra.PlacementRequest{Pods: &[]dra.KubernetesObject{pod}, Replicas: &many})
	if err != nil {
		return found, err
	}
	found.ErrorCode, found.ErrorPath = refused.JSON422.Error.Code, refused.JSON422.Error.Path
	return found, nil
}

func manifest(text string) dra.KubernetesObject {
	var object dra.KubernetesObject
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		log.Fatal(err)
	}
	return object
}

const podManifest = `{
  "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "wants-a-gpu", "namespace": "default"},
  "spec": {
    "containers": [{"name": "main", "image": "busybox"}],
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
  }
}`

const templateManifest = `{
  "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "one-gpu", "namespace": "default"},
  "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}}}
}`
