package main

import (
	"context"
	"encoding/json"
	"time"
)

// benchRequest is a placement to be made again and again.
type benchRequest struct {
	placementRequest
	Rounds int `json:"rounds"`
}

// benchAnswer has the time of each round, which is what the plugin does for
// one Pod: a new allocator, then every node, one after the other.
type benchAnswer struct {
	Nanoseconds []int64        `json:"nanoseconds"`
	Verdicts    map[string]int `json:"verdicts"`
}

func answerBench(line []byte) (any, error) {
	var request benchRequest
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
	claims, _, err := claimsToAllocate(objects, &request.Pods[0])
	if err != nil {
		return nil, err
	}
	state, err := allocatedState(objects, features.ConsumableCapacity)
	if err != nil {
		return nil, err
	}
	answer := benchAnswer{}
	for range request.Rounds {
		answer.Verdicts = map[string]int{}
		start := time.Now()
		allocator, err := newAllocator(context.Background(), features, state, objects)
		if err != nil {
			return nil, err
		}
		for _, node := range objects.nodes {
			allocations, err := allocator.Allocate(context.Background(), node, claims)
			switch {
			case err != nil:
				answer.Verdicts["invalid"]++
			case len(allocations) < len(claims):
				answer.Verdicts["misfit"]++
			default:
				answer.Verdicts["fits"]++
			}
		}
		answer.Nanoseconds = append(answer.Nanoseconds, time.Since(start).Nanoseconds())
	}
	return answer, nil
}
