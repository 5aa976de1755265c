//go:build tools

// Package controlplane pins the servers of the Kubernetes control plane that
// the tests run against; the store's program is in etcd/. This file is never
// built: the blank imports keep the other programs, and with them every checksum
// of their sources, in go.mod and go.sum.
package controlplane

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
