// Command differential renders templates with Go's text/template and sprig.
//
// Each line of standard input is a JSON object with "name", "template" and "data" (values in
// base64); each line of standard output is one with "ok" and, where it rendered, "output" in
// base64, or else "error".
//
// With -benchmark it reads one case and prints the nanoseconds one parse and rendering takes.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

type request struct {
	Name     string            `json:"name"`
	Template string            `json:"template"`
	Data     map[string][]byte `json:"data"`
}

type response struct {
	OK     bool   `json:"ok"`
	Output []byte `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	if len(os.Args) > 1 && os.Args[1] == "-benchmark" {
		line, _ := in.ReadBytes('\n')
		benchmark(functions, line)
		return
	}
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			answer, _ := json.Marshal(answer(functions, line))
			out.Write(append(answer, '\n'))
			if in.Buffered() == 0 {
				out.Flush()
			}
		}
		if err != nil {
			break
		}
	}
	out.Flush()
}

func answer(functions template.FuncMap, line []byte) (result response) {
	defer func() {
		if problem := recover(); problem != nil {
			result = response{Error: fmt.Sprint(problem)}
		}
	}()
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return response{Error: "request: " + err.Error()}
	}
	parsed, err := template.New(r.Name).Funcs(functions).Parse(r.Template)
	if err != nil {
		return response{Error: err.Error()}
	}
	values := map[string]string{}
	for key, value := range r.Data {
		values[key] = string(value)
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, values); err != nil {
		return response{Error: err.Error()}
	}
	return response{OK: true, Output: output.Bytes()}
}

// benchmark prints the best time of several rounds, as the Rust side does.
func benchmark(functions template.FuncMap, line []byte) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		panic(err)
	}
	values := map[string]string{}
	for key, value := range r.Data {
		values[key] = string(value)
	}
	const rounds, times = 20, 500
	best := time.Duration(1<<63 - 1)
	for range rounds {
		start := time.Now()
		for range times {
			parsed, err := template.New(r.Name).Funcs(functions).Parse(r.Template)
			if err != nil {
				panic(err)
			}
			var output bytes.Buffer
			if err := parsed.Execute(&output, values); err != nil {
				panic(err)
			}
		}
		best = min(best, time.Since(start)/times)
	}
	fmt.Println(best.Nanoseconds())
}
