//go:build tools

// Package controlplane pins the servers of the Kubernetes control plane that
// the tests run against. It is never built itself: the blank imports keep the
// programs, and with them every checksum of their sources, in go.mod and go.sum.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
