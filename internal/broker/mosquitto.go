package broker

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"modellregion/uplink"
)

// MosquittoACL returns the rights of users as Mosquitto's acl_file has them
// (mosquitto.conf(5)).
func MosquittoACL(users ...Identity) string {
	var out strings.Builder
	for _, id := range users {
		fmt.Fprintf(&out, "user %s\n", id.User)
		switch id.Role {
		case Platform:
			fmt.Fprintf(&out, "topic readwrite %s/#\n", uplink.Root)
		case Reader:
			for _, d := range id.Domains {
				fmt.Fprintf(&out, "topic read %s/+/%s/#\n", uplink.Root, d)
			}
		case Edge:
			edgeACL(&out, "topic", id.User)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// MosquittoEdgesACL returns the rights of edges whatever their names, for a port
// at which nobody else can log in: with it everybody is an edge.
func MosquittoEdgesACL() string {
	var out strings.Builder
	edgeACL(&out, "pattern", "%u")
	return out.String()
}

func edgeACL(out *strings.Builder, word, name string) {
	for _, own := range []string{"+/up", "+/event", "status", "gateway/+", "frame"} {
		fmt.Fprintf(out, "%s write %s/%s/%s\n", word, uplink.Root, name, own)
	}
	for _, own := range []string{name + "/stored", name + "/devices", name + "/down/+", "+/frame"} {
		fmt.Fprintf(out, "%s read %s/%s\n", word, uplink.Root, own)
	}
}

// mosquittoRounds are more than Mosquitto's own 101 and take it below a
// millisecond; passwords that were drawn would need none.
const mosquittoRounds = 1000

// MosquittoPassword returns what stands behind the user's name in Mosquitto's
// password file: $7$, PBKDF2 with SHA-512.
func MosquittoPassword(password string) (string, error) {
	salt := make([]byte, 12)
	_, _ = rand.Read(salt) // never fails
	key, err := pbkdf2.Key(sha512.New, password, salt, mosquittoRounds, sha512.Size)
	if err != nil {
		return "", fmt.Errorf("derive a password for Mosquitto: %w", err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("$7$%d$%s$%s", mosquittoRounds, b64(salt), b64(key)), nil
}
