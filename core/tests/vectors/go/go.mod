module vectors

go 1.25.7

require (
	github.com/bitnami-labs/sealed-secrets v0.36.0
	k8s.io/client-go v0.35.1
)

require (
	golang.org/x/crypto v0.48.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
)
