// Program oracle answers questions with Kubernetes' own code: it reads one
// JSON object per line on stdin and writes one answer per line on stdout.
// The tests compare this project's answers with it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// handler answers one request. An error means that the request could not be
// understood; verdicts about the request are part of the answer.
type handler func(request []byte) (any, error)

var commands = map[string]handler{
	"allocate": answerAllocate,
	"bench":    answerBench,
	"cel":      answerCEL,
}

func main() {
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: oracle allocate|bench|cel < requests.jsonl > answers.jsonl")
		os.Exit(2)
	}
	if err := serve(commands[os.Args[1]]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// serve answers until stdin ends. Every answer is flushed at once when no
// further request is waiting, so that a caller may also talk turn by turn.
func serve(answer handler) error {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			result, failure := answer(line)
			if failure != nil {
				result = map[string]string{"failure": failure.Error()}
			}
			if err := encoder.Encode(result); err != nil {
				return err
			}
			if in.Buffered() == 0 {
				if err := out.Flush(); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return nil
		}
	}
}
