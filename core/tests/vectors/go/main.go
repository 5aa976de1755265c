// Command vectors writes base64.json and keys.json: what Go's standard library, client-go and Sealed
// Secrets make of texts, keys and certificates. Run it as `go run . ..` in this folder.
//
// Texts are the same in every run; keys are fresh.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"k8s.io/client-go/util/keyutil"
)

// A base64Case is a text with either its decoded bytes in hexadecimal, or the offset of the error.
type base64Case struct {
	Text   string  `json:"text"`
	Bytes  *string `json:"bytes,omitempty"`
	Offset *int64  `json:"offset,omitempty"`
}

// A certificateCase is a key pair made by Sealed Secrets, and what Go reads in it.
type certificateCase struct {
	Name        string `json:"name"`
	PKCS1       string `json:"pkcs1"`
	PKCS8       string `json:"pkcs8"`
	Certificate string `json:"certificate"`
	Fingerprint string `json:"fingerprint"`
	Bits        int    `json:"bits"`
	NotBefore   string `json:"not_before"`
	NotAfter    string `json:"not_after"`
	CommonName  string `json:"common_name"`
}

// A keyCase is a private key, and whether client-go reads it as an RSA key.
type keyCase struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Accepted bool   `json:"accepted"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: vectors FOLDER")
	}
	write("base64.json", base64Cases())
	write("keys.json", map[string]any{"certificates": certificateCases(), "private_keys": keyCases()})
}

func base64Cases() []base64Case {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	alphabet := []byte("ABab01+/=\r\n \t-_?\x00\x7f")
	seen := map[string]bool{}
	var cases []base64Case
	add := func(text []byte) {
		if seen[string(text)] {
			return
		}
		seen[string(text)] = true
		c := base64Case{Text: string(text)}
		decoded, err := base64.StdEncoding.DecodeString(c.Text)
		var corrupt base64.CorruptInputError
		switch {
		case err == nil:
			bytes := hex.EncodeToString(decoded)
			c.Bytes = &bytes
		case errors.As(err, &corrupt):
			offset := int64(corrupt)
			c.Offset = &offset
		default:
			log.Fatal(err)
		}
		cases = append(cases, c)
	}
	// Every short text over the symbols that matter.
	short := []byte("Aa=\n?")
	var walk func(prefix []byte, depth int)
	walk = func(prefix []byte, depth int) {
		add(prefix)
		for _, symbol := range short {
			if depth > 0 {
				walk(append(append([]byte{}, prefix...), symbol), depth-1)
			}
		}
	}
	walk(nil, 4)
	// Good texts, cut, spliced and changed.
	for range 2500 {
		raw := make([]byte, random.IntN(24))
		for i := range raw {
			raw[i] = byte(random.UintN(256))
		}
		text := []byte(base64.StdEncoding.EncodeToString(raw))
		for range random.IntN(4) {
			at := random.IntN(len(text) + 1)
			symbol := alphabet[random.IntN(len(alphabet))]
			switch random.IntN(4) {
			case 0:
				text = append(text[:at:at], append([]byte{symbol}, text[at:]...)...)
			case 1:
				text = append(text[:at:at], append([]byte("\r\n"), text[at:]...)...)
			case 2:
				text = text[:at]
			case 3:
				if at < len(text) {
					text[at] = symbol
				}
			}
		}
		add(text)
	}
	return cases
}

func certificateCases() []certificateCase {
	year := 365 * 24 * time.Hour
	date := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		check(err)
		return parsed
	}
	var cases []certificateCase
	for _, c := range []struct {
		name, commonName string
		bits             int
		notBefore        time.Time
		validFor         time.Duration
	}{
		{"default", "", 2048, date("2026-01-02T03:04:05Z"), 10 * year},
		{"default-size", "", 4096, date("2026-01-02T03:04:05Z"), 10 * year},
		{"largest", "", 8192, date("2026-01-02T03:04:05Z"), 10 * year},
		{"odd-size", "", 2049, date("2026-01-02T03:04:05Z"), 10 * year},
		{"common-name", "sealed-secrets.example.com", 2048, date("2026-01-02T03:04:05Z"), year},
		{"common-name-asterisk", "*.example.com", 2048, date("2026-01-02T03:04:05Z"), year},
		{"common-name-ampersand", "A&B, Inc. (x)", 2048, date("2026-01-02T03:04:05Z"), year},
		{"common-name-unicode", "Schlüssel 鍵", 2048, date("2026-01-02T03:04:05Z"), year},
		{"fractions", "", 2048, date("2026-01-02T03:04:05.7Z"), 600 * time.Millisecond},
		{"zone", "", 2048, date("2026-01-02T03:04:05+05:30"), year},
		{"into-2050", "", 2048, date("2049-12-31T23:59:59Z"), time.Second},
		{"from-2050", "", 2048, date("2050-01-01T00:00:00Z"), 100 * year},
		{"before-1970", "", 2048, date("1950-01-01T00:00:00Z"), year},
		{"negative", "", 2048, date("2026-01-02T03:04:05Z"), -time.Hour},
	} {
		key, err := rsa.GenerateKey(rand.Reader, c.bits)
		check(err)
		certificate, err := crypto.SignKeyWithNotBefore(rand.Reader, key, c.notBefore, c.validFor, c.commonName)
		check(err)
		fingerprint, err := crypto.PublicKeyFingerprint(&key.PublicKey)
		check(err)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		check(err)
		cases = append(cases, certificateCase{
			Name:        c.name,
			PKCS1:       encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
			PKCS8:       encode("PRIVATE KEY", pkcs8),
			Certificate: encode("CERTIFICATE", certificate.Raw),
			Fingerprint: fingerprint,
			Bits:        key.N.BitLen(),
			NotBefore:   certificate.NotBefore.Format(time.RFC3339),
			NotAfter:    certificate.NotAfter.Format(time.RFC3339),
			CommonName:  certificate.Subject.CommonName,
		})
	}
	return cases
}

// numbers is RFC 8017's RSAPrivateKey.
type numbers struct {
	Version       int
	N, E, D, P, Q *big.Int
	DP, DQ, QInv  *big.Int
	OtherPrimes   []otherPrime `asn1:"optional,omitempty"`
}

type otherPrime struct{ R, D, T *big.Int }

func keyCases() []keyCase {
	var cases []keyCase
	add := func(name string, n numbers) {
		der, err := asn1.Marshal(n)
		check(err)
		text := encode("RSA PRIVATE KEY", der)
		key, err := keyutil.ParsePrivateKeyPEM([]byte(text))
		_, isRSA := key.(*rsa.PrivateKey)
		cases = append(cases, keyCase{name, text, err == nil && isRSA})
	}
	exponent := func(text string) *big.Int {
		e, ok := new(big.Int).SetString(text, 0)
		if !ok {
			log.Fatal(text)
		}
		return e
	}
	usual := exponent("65537")
	good := build(usual, 1024, 1024)
	one := big.NewInt(1)

	add("good", good)
	for _, e := range []string{"1", "3", "17", "65537", "0x7fffffff", "0x8000000b", "0x1ffffffff", "0x200000011"} {
		add("exponent-"+e, build(exponent(e), 1024, 1024))
	}
	change := func(name string, edit func(*numbers)) {
		changed := good
		edit(&changed)
		add(name, changed)
	}
	plus := func(n *big.Int, k int64) *big.Int { return new(big.Int).Add(n, big.NewInt(k)) }
	change("primes-swapped", func(n *numbers) {
		n.P, n.Q, n.DP, n.DQ = n.Q, n.P, n.DQ, n.DP
		n.QInv = new(big.Int).ModInverse(n.Q, n.P)
	})
	change("d-modulo-phi", func(n *numbers) {
		phi := new(big.Int).Mul(plus(n.P, -1), plus(n.Q, -1))
		n.D = new(big.Int).ModInverse(n.E, phi)
	})
	change("d-wrong", func(n *numbers) { n.D = plus(n.D, 2) })
	change("d-longer-than-n", func(n *numbers) {
		phi := new(big.Int).Mul(plus(n.P, -1), plus(n.Q, -1))
		n.D = new(big.Int).Add(n.D, new(big.Int).Mul(phi, big.NewInt(1<<20)))
	})
	change("n-wrong", func(n *numbers) { n.N = plus(n.N, 2) })
	change("e-wrong", func(n *numbers) { n.E = big.NewInt(257) })
	change("p-wrong", func(n *numbers) { n.P = plus(n.P, 2) })
	change("p-is-n", func(n *numbers) { n.P, n.Q = n.N, one })
	change("dp-wrong", func(n *numbers) { n.DP = plus(n.DP, 2) })
	change("dq-wrong", func(n *numbers) { n.DQ = plus(n.DQ, 2) })
	change("qinv-wrong", func(n *numbers) { n.QInv = plus(n.QInv, 2) })
	change("crt-values-zero", func(n *numbers) { n.DP, n.DQ, n.QInv = new(big.Int), new(big.Int), new(big.Int) })
	change("n-negative", func(n *numbers) { n.N = new(big.Int).Neg(n.N) })
	change("version-1", func(n *numbers) { n.Version = 1 })
	change("version-2", func(n *numbers) { n.Version = 2 })
	add("unbalanced-by-2-bits", build(usual, 1025, 1023))
	add("unbalanced-by-64-bits", build(usual, 1056, 992))
	add("unbalanced-by-512-bits", build(usual, 1280, 768))
	add("three-primes", threePrimes())
	add("1024-bits", build(usual, 512, 512))
	add("2047-bits", build(usual, 1024, 1023))

	pkcs8 := func(name string, value any) {
		der, err := asn1.Marshal(value)
		check(err)
		text := encode("PRIVATE KEY", der)
		key, err := keyutil.ParsePrivateKeyPEM([]byte(text))
		_, isRSA := key.(*rsa.PrivateKey)
		cases = append(cases, keyCase{name, text, err == nil && isRSA})
	}
	inner, err := asn1.Marshal(good)
	check(err)
	type algorithm struct {
		ID         asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	rsaEncryption := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	rsassaPSS := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	attributes := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true}
	publicKey := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, Bytes: []byte{0, 1, 2}}
	type plain struct {
		Version   int
		Algorithm algorithm
		Key       []byte
	}
	type extended struct {
		Version   int
		Algorithm algorithm
		Key       []byte
		Extra     asn1.RawValue
	}
	pkcs8("pkcs8", plain{0, algorithm{rsaEncryption, asn1.NullRawValue}, inner})
	pkcs8("pkcs8-without-parameters", plain{0, algorithm{ID: rsaEncryption}, inner})
	pkcs8("pkcs8-pss", plain{0, algorithm{ID: rsassaPSS}, inner})
	pkcs8("pkcs8-version-1", plain{1, algorithm{rsaEncryption, asn1.NullRawValue}, inner})
	pkcs8("pkcs8-version-7", plain{7, algorithm{rsaEncryption, asn1.NullRawValue}, inner})
	pkcs8("pkcs8-with-attributes", extended{0, algorithm{rsaEncryption, asn1.NullRawValue}, inner, attributes})
	pkcs8("pkcs8-with-public-key", extended{1, algorithm{rsaEncryption, asn1.NullRawValue}, inner, publicKey})
	pkcs8("pkcs8-trailing-byte", plain{0, algorithm{rsaEncryption, asn1.NullRawValue}, append(inner[:len(inner):len(inner)], 0)})
	cases = append(cases, mislabelled(inner)...)
	return cases
}

// mislabelled are blocks whose first line doesn't fit their content.
func mislabelled(pkcs1 []byte) []keyCase {
	var cases []keyCase
	for _, kind := range []string{"PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY"} {
		text := encode(kind, pkcs1)
		key, err := keyutil.ParsePrivateKeyPEM([]byte(text))
		_, isRSA := key.(*rsa.PrivateKey)
		cases = append(cases, keyCase{"pkcs1-as-" + kind, text, err == nil && isRSA})
	}
	return cases
}

// build makes a key of two primes with these lengths.
func build(e *big.Int, pBits, qBits int) numbers {
	one := big.NewInt(1)
	for {
		p, err := rand.Prime(rand.Reader, pBits)
		check(err)
		q, err := rand.Prime(rand.Reader, qBits)
		check(err)
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		gcd := new(big.Int).GCD(nil, nil, p1, q1)
		lambda := new(big.Int).Div(new(big.Int).Mul(p1, q1), gcd)
		d := new(big.Int).ModInverse(e, lambda)
		n := new(big.Int).Mul(p, q)
		if d == nil || n.BitLen() != pBits+qBits {
			continue
		}
		return numbers{
			N: n, E: e, D: d, P: p, Q: q,
			DP: new(big.Int).Mod(d, p1), DQ: new(big.Int).Mod(d, q1), QInv: new(big.Int).ModInverse(q, p),
		}
	}
}

func threePrimes() numbers {
	//lint:ignore SA1019 the point is that such keys exist
	key, err := rsa.GenerateMultiPrimeKey(rand.Reader, 3, 2048)
	check(err)
	one := big.NewInt(1)
	p, q, r := key.Primes[0], key.Primes[1], key.Primes[2]
	return numbers{
		Version: 1, N: key.N, E: big.NewInt(int64(key.E)), D: key.D, P: p, Q: q,
		DP:   new(big.Int).Mod(key.D, new(big.Int).Sub(p, one)),
		DQ:   new(big.Int).Mod(key.D, new(big.Int).Sub(q, one)),
		QInv: new(big.Int).ModInverse(q, p),
		OtherPrimes: []otherPrime{{
			R: r,
			D: new(big.Int).Mod(key.D, new(big.Int).Sub(r, one)),
			T: new(big.Int).ModInverse(new(big.Int).Mul(p, q), r),
		}},
	}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func write(name string, value any) {
	text, err := json.MarshalIndent(value, "", " ")
	check(err)
	check(os.WriteFile(filepath.Join(os.Args[1], name), append(text, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
