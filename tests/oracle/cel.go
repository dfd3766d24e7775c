package main

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apiserver/pkg/cel/environment"
	dracel "k8s.io/dynamic-resource-allocation/cel"
)

// celDevice is a device as a ResourceSlice publishes it, with its driver.
type celDevice struct {
	Driver                   string                                                    `json:"driver"`
	AllowMultipleAllocations *bool                                                     `json:"allowMultipleAllocations"`
	Attributes               map[resourceapi.QualifiedName]resourceapi.DeviceAttribute `json:"attributes"`
	Capacity                 map[resourceapi.QualifiedName]resourceapi.DeviceCapacity  `json:"capacity"`
}

type celRequest struct {
	Mode       string          `json:"mode"` // selector (default), derived, bench, environment
	Expression string          `json:"expression"`
	Device     celDevice       `json:"device"`
	Devices    []celDevice     `json:"devices"` // instead of device: one answer each in verdicts
	Features   dracel.Features `json:"features"`
	New        bool            `json:"new"` // the environment for expressions that are being written
	Cost       bool            `json:"cost"`
	Iterations int             `json:"iterations"`
}

type celOutcome struct {
	Verdict   string `json:"verdict"` // fits, misfit, invalid, value
	Stage     string `json:"stage,omitempty"`
	Error     string `json:"error,omitempty"`
	Actual    uint64 `json:"actual,omitempty"`
	Attribute any    `json:"attribute,omitempty"`
}

type celAnswer struct {
	celOutcome
	Outcomes   []celOutcome `json:"outcomes,omitempty"`
	OutputType string       `json:"outputType,omitempty"`
	MaxCost    uint64       `json:"maxCost,omitempty"`
	Unbounded  bool         `json:"unbounded,omitempty"`
	CompileNS  float64      `json:"compileNs,omitempty"`
	EvalNS     float64      `json:"evalNs,omitempty"`
}

// answerCEL compiles and evaluates an expression. Some expressions make cel-go
// panic where nothing recovers; that is an answer, too.
func answerCEL(line []byte) (result any, failure error) {
	defer func() {
		if crash := recover(); crash != nil {
			result = celAnswer{celOutcome: celOutcome{Verdict: "invalid", Stage: "panic", Error: fmt.Sprint(crash)}}
		}
	}()
	var request celRequest
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	derived := request.Mode == "derived"
	options := dracel.Options{DisableCostEstimation: !request.Cost}
	if derived {
		if err := setDerived(&options); err != nil {
			return nil, err
		}
	}
	if request.New {
		newExpressions := environment.NewExpressions
		options.EnvType = &newExpressions
	}
	if request.Mode == "environment" {
		return describeEnvironment(request, options)
	}
	compiled := dracel.GetCompiler(request.Features).CompileCELExpression(request.Expression, options)
	var answer celAnswer
	if compiled.Error != nil {
		answer.celOutcome = celOutcome{Verdict: "invalid", Stage: "compile", Error: compiled.Error.Error()}
		return answer, nil
	}
	answer.OutputType = compiled.OutputType.String()
	if request.Cost {
		if compiled.MaxCost == math.MaxUint64 {
			answer.Unbounded = true
		} else {
			answer.MaxCost = compiled.MaxCost
		}
	}
	if len(request.Devices) > 0 {
		answer.Verdict = "list"
		for _, device := range request.Devices {
			answer.Outcomes = append(answer.Outcomes, evaluate(compiled, device, derived))
		}
		return answer, nil
	}
	answer.celOutcome = evaluate(compiled, request.Device, derived)
	if request.Mode == "bench" {
		answer.CompileNS, answer.EvalNS = measure(request, options)
	}
	return answer, nil
}

func evaluate(compiled dracel.CompilationResult, device celDevice, derived bool) celOutcome {
	var outcome celOutcome
	var actual *uint64
	var err error
	if derived {
		outcome.Verdict = "value"
		outcome.Attribute, actual, err = evaluateDerived(compiled, device)
	} else {
		var matches bool
		matches, actual, err = deviceMatches(compiled, device)
		outcome.Verdict = "misfit"
		if matches {
			outcome.Verdict = "fits"
		}
	}
	if err != nil {
		outcome = celOutcome{Verdict: "invalid", Stage: "runtime", Error: err.Error()}
	}
	if actual != nil {
		outcome.Actual = *actual
	}
	return outcome
}

// measure returns the mean time of one compilation and of one evaluation.
func measure(request celRequest, options dracel.Options) (compileNS, evalNS float64) {
	compiler := dracel.GetCompiler(request.Features)
	rounds := max(1, request.Iterations/100)
	start := time.Now()
	var compiled dracel.CompilationResult
	for range rounds {
		compiled = compiler.CompileCELExpression(request.Expression, options)
	}
	compileNS = float64(time.Since(start).Nanoseconds()) / float64(rounds)
	start = time.Now()
	for range request.Iterations {
		evaluate(compiled, request.Device, false)
	}
	evalNS = float64(time.Since(start).Nanoseconds()) / float64(max(1, request.Iterations))
	return compileNS, evalNS
}

// describeEnvironment lists every function overload and macro of the environment.
func describeEnvironment(request celRequest, options dracel.Options) (any, error) {
	compiled := dracel.GetCompiler(request.Features).CompileCELExpression("true", options)
	if compiled.Error != nil {
		return nil, compiled.Error
	}
	functions := map[string][]string{}
	for name, function := range compiled.Environment.Functions() {
		overloads := []string{} // in the order in which they are tried
		for _, overload := range function.OverloadDecls() {
			arguments := []string{}
			for _, argument := range overload.ArgTypes() {
				arguments = append(arguments, argument.String())
			}
			style := "global"
			if overload.IsMemberFunction() {
				style = "member"
			}
			overloads = append(overloads, fmt.Sprintf("%s %s(%s) %s",
				style, overload.ID(), strings.Join(arguments, ", "), overload.ResultType()))
		}
		functions[name] = overloads
	}
	macros := []string{}
	for _, macro := range compiled.Environment.Macros() {
		macros = append(macros, macro.MacroKey())
	}
	sort.Strings(macros)
	return map[string]any{"functions": functions, "macros": macros}, nil
}
