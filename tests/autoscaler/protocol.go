package main

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

const method = "/grpcplugin.Expander/BestOptions"

const (
	text    = descriptorpb.FieldDescriptorProto_TYPE_STRING
	number  = descriptorpb.FieldDescriptorProto_TYPE_INT32
	data    = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	message = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
)

// protocol describes the messages of the expander, with the names and numbers that Cluster Autoscaler gives
// them. Its module is not needed for that, and brings the clients of all cloud providers. Pods and Nodes
// are bytes here in each version: on the wire a message in a message is its bytes with their length.
func protocol() (protoreflect.MessageDescriptors, error) {
	file := &descriptorpb.FileDescriptorProto{
		Name:    proto.String("expander.proto"),
		Package: proto.String("grpcplugin"),
		Syntax:  proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{
				Name: proto.String("BestOptionsRequest"),
				Field: []*descriptorpb.FieldDescriptorProto{
					many("options", 1, message, ".grpcplugin.Option"),
					many("nodeMap", 2, message, ".grpcplugin.BestOptionsRequest.NodeMapEntry"),
					many("nodeBytesMap", 3, message, ".grpcplugin.BestOptionsRequest.NodeBytesMapEntry"),
				},
				NestedType: []*descriptorpb.DescriptorProto{entry("NodeMapEntry"), entry("NodeBytesMapEntry")},
			},
			{
				Name:  proto.String("BestOptionsResponse"),
				Field: []*descriptorpb.FieldDescriptorProto{many("options", 1, message, ".grpcplugin.Option")},
			},
			{
				Name: proto.String("Option"),
				Field: []*descriptorpb.FieldDescriptorProto{
					one("nodeGroupId", 1, text),
					one("nodeCount", 2, number),
					one("debug", 3, text),
					many("pod", 4, data, ""),
					many("podBytes", 5, data, ""),
				},
			},
		},
	}
	made, err := protodesc.NewFile(file, nil)
	if err != nil {
		return nil, err
	}
	return made.Messages(), nil
}

// entry describes the entry of a map from strings to bytes.
func entry(name string) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{
		Name:    proto.String(name),
		Field:   []*descriptorpb.FieldDescriptorProto{one("key", 1, text), one("value", 2, data)},
		Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
	}
}

func one(name string, at int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{
		Name:   proto.String(name),
		Number: proto.Int32(at),
		Type:   kind.Enum(),
		Label:  descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
}

func many(name string, at int32, kind descriptorpb.FieldDescriptorProto_Type, of string) *descriptorpb.FieldDescriptorProto {
	field := one(name, at, kind)
	field.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	if of != "" {
		field.TypeName = proto.String(of)
	}
	return field
}
