package util

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"

	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	"k8s.io/kubernetes/test/utils/client-go/ktesting"
)

// wording puts the plugin's words in the place of a reason of the extender that pattern matches.
type wording struct {
	pattern *regexp.Regexp
	words   string
}

var (
	// Of one node; the first that matches. The plugin has one sentence for most of what can be wrong.
	nodeWordings = []wording{
		{regexp.MustCompile(`had an (invalid|incomplete) resource pool`), "invalid resource pools were encountered"},
		{regexp.MustCompile(`is allocated on other nodes`), "resourceclaim not available on the node"},
		{regexp.MustCompile(`^not judged within`), "timed out trying to allocate devices"},
		{regexp.MustCompile(``), "cannot allocate all claims"},
	}
	// Of a whole answer.
	errorWordings = []wording{
		{regexp.MustCompile(`not judged within`), "timed out trying to allocate devices"},
	}
)

// reworded returns the URL of a server that passes requests on to the extender, and its answers back with the
// reasons in the plugin's words: a test that passes then differs in nothing else.
func reworded(tCtx ktesting.TContext, extender string) string {
	tCtx.Helper()
	target, err := url.Parse(extender)
	tCtx.ExpectNoError(err, "parse the extender's URL")
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = rewordAnswer
	server := httptest.NewServer(proxy)
	tCtx.Cleanup(server.Close)
	return server.URL
}

func rewordAnswer(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the extender's answer: %w", err)
	}
	_ = response.Body.Close()
	switch path := response.Request.URL.Path; {
	case response.StatusCode != http.StatusOK:
	case strings.HasSuffix(path, "/filter"):
		body, err = rewordFilter(body)
	case strings.HasSuffix(path, "/bind"):
		body, err = rewordBind(body)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return err
}

func rewordFilter(body []byte) ([]byte, error) {
	var result extenderv1.ExtenderFilterResult
	if err := json.Unmarshal(body, &result); err != nil {
		return nil, fmt.Errorf("decode the answer of filter: %w", err)
	}
	for _, reasons := range []extenderv1.FailedNodesMap{result.FailedNodes, result.FailedAndUnresolvableNodes} {
		for node, reason := range reasons {
			reasons[node] = inWords(reason, nodeWordings)
		}
	}
	result.Error = inWords(result.Error, errorWordings)
	return json.Marshal(result)
}

func rewordBind(body []byte) ([]byte, error) {
	var result extenderv1.ExtenderBindingResult
	if err := json.Unmarshal(body, &result); err != nil {
		return nil, fmt.Errorf("decode the answer of bind: %w", err)
	}
	result.Error = inWords(result.Error, errorWordings)
	return json.Marshal(result)
}

func inWords(reason string, wordings []wording) string {
	for _, wording := range wordings {
		if wording.pattern.MatchString(reason) {
			return wording.words
		}
	}
	return reason
}
