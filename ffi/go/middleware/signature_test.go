package middleware_test

import (
	"crypto/ecdsa"
	"math/big"
)

// verify checks a signature in the form of JWS (RFC 7518 §3.4): both numbers, 32 bytes each.
func verify(key *ecdsa.PublicKey, digest, signature []byte) bool {
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(key, digest, r, s)
}
