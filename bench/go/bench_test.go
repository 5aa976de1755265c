// Package bench does with the Go packages what core/benches and crds/benches do with ours, over the same
// keys. bench/library runs both.
package bench

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

const many = 60

var (
	value = []byte("a password of 32 bytes, or so...")
	label = []byte("shop/db")
)

// readKeys returns the first keys of the folder, in order.
func readKeys(b *testing.B, count int) []*rsa.PrivateKey {
	b.Helper()
	folder := os.Getenv("SEALED_SECRETS_BENCH_KEYS")
	if folder == "" {
		b.Fatal("run bench/library: it makes the keys")
	}
	var keys []*rsa.PrivateKey
	for number := range count {
		text, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%d.key", number)))
		if err != nil {
			b.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			b.Fatalf("key %d is no PEM", number)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key.(*rsa.PrivateKey))
	}
	return keys
}

// byFingerprint is the keyring as the controller holds it.
func byFingerprint(b *testing.B, keys []*rsa.PrivateKey) map[string]*rsa.PrivateKey {
	b.Helper()
	all := map[string]*rsa.PrivateKey{}
	for _, key := range keys {
		fingerprint, err := crypto.PublicKeyFingerprint(&key.PublicKey)
		if err != nil {
			b.Fatal(err)
		}
		all[fingerprint] = key
	}
	return all
}

func secret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop"},
		StringData: map[string]string{
			"user":     "admin",
			"password": string(value),
			"url":      "db://shop:5432/",
		},
	}
}

func BenchmarkSealValue(b *testing.B) {
	key := readKeys(b, 1)[0]
	for b.Loop() {
		if _, err := crypto.HybridEncrypt(rand.Reader, &key.PublicKey, value, label); err != nil {
			b.Fatal(err)
		}
	}
}

func unsealValue(b *testing.B, count int) {
	keys := readKeys(b, count)
	keyring := byFingerprint(b, keys)
	var sealed [][]byte
	for _, key := range keys {
		text, err := crypto.HybridEncrypt(rand.Reader, &key.PublicKey, value, label)
		if err != nil {
			b.Fatal(err)
		}
		sealed = append(sealed, text)
	}
	next := 0
	for b.Loop() {
		if _, err := crypto.HybridDecrypt(rand.Reader, keyring, sealed[next%len(sealed)], label); err != nil {
			b.Fatal(err)
		}
		next++
	}
}

func BenchmarkUnsealValue1Key(b *testing.B)   { unsealValue(b, 1) }
func BenchmarkUnsealValue60Keys(b *testing.B) { unsealValue(b, many) }

func BenchmarkSealSecret(b *testing.B) {
	key := readKeys(b, 1)[0]
	for b.Loop() {
		if _, err := ssv1alpha1.NewSealedSecret(scheme.Codecs, &key.PublicKey, secret()); err != nil {
			b.Fatal(err)
		}
	}
}

func desiredSecret(b *testing.B, count int) {
	keys := readKeys(b, count)
	keyring := byFingerprint(b, keys)
	var sealed []*ssv1alpha1.SealedSecret
	for _, key := range keys {
		object, err := ssv1alpha1.NewSealedSecret(scheme.Codecs, &key.PublicKey, secret())
		if err != nil {
			b.Fatal(err)
		}
		sealed = append(sealed, object)
	}
	next := 0
	for b.Loop() {
		unsealed, err := sealed[next%len(sealed)].Unseal(scheme.Codecs, keyring)
		if err != nil {
			b.Fatal(err)
		}
		if len(unsealed.Data) != 3 {
			b.Fatal("items are missing")
		}
		next++
	}
}

func BenchmarkDesiredSecret1Key(b *testing.B)   { desiredSecret(b, 1) }
func BenchmarkDesiredSecret60Keys(b *testing.B) { desiredSecret(b, many) }
