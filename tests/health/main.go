// Judges an object by the health rules that GitOps tools publish: kstatus, which Flux and Helm use, and
// Argo CD's script for SealedSecrets, run by the Lua interpreter that Argo CD uses.
//
// Reads one object as JSON on standard input for each line, and answers each with one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v3/resource_customizations"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const script = "bitnami.com/SealedSecret/health.lua"

type verdict struct {
	Kstatus string `json:"kstatus"`
	Argo    string `json:"argo"`
	Message string `json:"message"`
}

func main() {
	rule, err := resource_customizations.Embedded.ReadFile(script)
	if err != nil {
		fail(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			fail(err)
		}
		answer, err := judge(&object, string(rule))
		if err != nil {
			fail(err)
		}
		if err := answers.Encode(answer); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func judge(object *unstructured.Unstructured, rule string) (verdict, error) {
	computed, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	interpreter := lua.NewState()
	defer interpreter.Close()
	interpreter.SetGlobal("obj", table(interpreter, object.Object))
	if err := interpreter.DoString(rule); err != nil {
		return verdict{}, err
	}
	health, ok := interpreter.Get(-1).(*lua.LTable)
	if !ok {
		return verdict{}, fmt.Errorf("the health script returns no table")
	}
	return verdict{
		Kstatus: computed.Status.String(),
		Argo:    lua.LVAsString(health.RawGetString("status")),
		Message: lua.LVAsString(health.RawGetString("message")),
	}, nil
}

// table turns an object's values into what Lua knows.
func table(interpreter *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		fields := interpreter.NewTable()
		for name, field := range value {
			fields.RawSetString(name, table(interpreter, field))
		}
		return fields
	case []any:
		items := interpreter.NewTable()
		for _, item := range value {
			items.Append(table(interpreter, item))
		}
		return items
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case bool:
		return lua.LBool(value)
	default:
		return lua.LNil
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
