package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	drapb "k8s.io/kubelet/pkg/apis/dra/v1"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// call does what the kubelet does before and after a Pod runs: finds the driver by its registration, and asks
// it for the claims on input, a list of {namespace, name, uid}. The response is on output.
func call(ctx context.Context, where place, verb string, input io.Reader, output io.Writer) error {
	var claims []*drapb.Claim
	if err := json.NewDecoder(input).Decode(&claims); err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	endpoint, err := registered(ctx, where)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	connection, err := dial(endpoint)
	if err != nil {
		return err
	}
	defer connection.Close()
	client := drapb.NewDRAPluginClient(connection)
	var answer proto.Message
	if verb == "prepare" {
		answer, err = client.NodePrepareResources(ctx, &drapb.NodePrepareResourcesRequest{Claims: claims})
	} else {
		answer, err = client.NodeUnprepareResources(ctx, &drapb.NodeUnprepareResourcesRequest{Claims: claims})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = output.Write(text)
	return err
}

// registered is the socket of the driver's service, which it names to the kubelet's plugin watcher.
func registered(ctx context.Context, where place) (string, error) {
	connection, err := dial(where.registrar())
	if err != nil {
		return "", err
	}
	defer connection.Close()
	client := registerapi.NewRegistrationClient(connection)
	info, err := client.GetInfo(ctx, &registerapi.InfoRequest{})
	if err != nil {
		return "", err
	}
	if info.Type != registerapi.DRAPlugin || info.Name != where.driver {
		return "", fmt.Errorf("%s %s is not the DRA driver %s", info.Type, info.Name, where.driver)
	}
	if !slices.Contains(info.SupportedVersions, drapb.DRAPluginService) {
		return "", fmt.Errorf("only %v are supported", info.SupportedVersions)
	}
	done := &registerapi.RegistrationStatus{PluginRegistered: true}
	if _, err := client.NotifyRegistrationStatus(ctx, done); err != nil {
		return "", err
	}
	return info.Endpoint, nil
}

func dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
}
