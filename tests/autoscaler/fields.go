package main

import (
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// field describes one field of a message. Many: "list" or "map".
type field struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Many string `json:"many"`
}

// describe writes the fields of Pod and Node, and of all messages in them, by type and number.
func describe(out io.Writer) error {
	found := map[string]map[int]field{}
	addFields(found, reflect.TypeFor[corev1.Pod]())
	addFields(found, reflect.TypeFor[corev1.Node]())
	return json.NewEncoder(out).Encode(found)
}

func addFields(found map[string]map[int]field, kind reflect.Type) {
	if kind.Kind() != reflect.Struct || found[kind.String()] != nil {
		return
	}
	fields := map[int]field{}
	found[kind.String()] = fields
	for at := range kind.NumField() {
		member := kind.Field(at)
		tag := strings.Split(member.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		number, err := strconv.Atoi(tag[1])
		if err != nil {
			continue
		}
		one, many := element(member.Type)
		name := strings.Split(member.Tag.Get("json"), ",")[0]
		fields[number] = field{Name: name, Type: typeName(one), Many: many}
		addFields(found, one)
	}
}

// element returns the type of a value, and whether there are many.
func element(kind reflect.Type) (reflect.Type, string) {
	many := ""
	switch kind.Kind() {
	case reflect.Slice:
		kind, many = kind.Elem(), "list"
	case reflect.Map:
		kind, many = kind.Elem(), "map"
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind, many
}

func typeName(kind reflect.Type) string {
	if kind.Kind() == reflect.Struct {
		return kind.String()
	}
	return kind.Kind().String()
}
