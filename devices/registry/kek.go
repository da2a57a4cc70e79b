package registry

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"modellregion/devices"
)

// KEK is a key-encryption key: the keys of the devices are wrapped with it
// (RFC 3394), so that the file and its backups are worth nothing without it.
// The zero KEK wraps nothing. It never prints.
type KEK struct {
	id    string // the first four bytes of its SHA-256, in hexadecimal digits
	block cipher.Block
}

// ParseKEK reads 32 or 64 hexadecimal digits, for AES-128 or AES-256. The
// error does not repeat them.
func ParseKEK(text string) (KEK, error) {
	text = strings.TrimSpace(text)
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 16 && len(key) != 32 {
		return KEK{}, fmt.Errorf("key-encryption key: %d characters, want 32 or 64 hexadecimal digits, as openssl rand -hex 32 prints them", len(text))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return KEK{}, fmt.Errorf("key-encryption key: %w", err)
	}
	sum := sha256.Sum256(key)
	return KEK{id: hex.EncodeToString(sum[:4]), block: block}, nil
}

// ReadKEK reads a key-encryption key from a file that its owner alone may read.
func ReadKEK(path string) (KEK, error) {
	info, err := os.Stat(path)
	if err != nil {
		return KEK{}, fmt.Errorf("read key-encryption key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return KEK{}, fmt.Errorf("key-encryption key %s has mode %#o, want 0600 or 0400: others than its owner may read it (chmod 600 %s)", path, mode, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return KEK{}, fmt.Errorf("read key-encryption key: %w", err)
	}
	k, err := ParseKEK(string(data))
	if err != nil {
		return KEK{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ID names the key without giving it away; empty is no key.
func (k KEK) ID() string { return k.id }

// String does not show the key.
func (k KEK) String() string {
	if k.id == "" {
		return "none"
	}
	return "key " + k.id
}

// Format does not show the key either, whatever the verb.
func (k KEK) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

const wrapMark = "wrap1:"

// seal returns what is stored for a key: nothing when there is none, its
// digits without a KEK, and else wrap1:<id of the KEK>:<wrapped, in digits>.
func (k KEK) seal(key devices.Key) (string, error) {
	if key == (devices.Key{}) || k.block == nil {
		return hexOf(key), nil
	}
	w, err := wrap(k.block, key[:])
	if err != nil {
		return "", err
	}
	return wrapMark + k.id + ":" + hex.EncodeToString(w), nil
}

// open undoes seal. It reads plain keys too, which were stored before there
// was a KEK.
func (k KEK) open(stored string) (devices.Key, error) {
	if stored == "" {
		return devices.Key{}, nil
	}
	rest, wrapped := strings.CutPrefix(stored, wrapMark)
	if !wrapped {
		return devices.ParseKey(stored)
	}
	id, digits, _ := strings.Cut(rest, ":")
	if id != k.id {
		return devices.Key{}, otherKEK(id, k)
	}
	w, err := hex.DecodeString(digits)
	if err != nil {
		return devices.Key{}, errors.New("wrapped key holds something else than hexadecimal digits")
	}
	plain, err := unwrap(k.block, w)
	if err != nil || len(plain) != len(devices.Key{}) {
		return devices.Key{}, fmt.Errorf("unwrap key: %w", errors.Join(err, errLength(len(plain))))
	}
	return devices.Key(plain), nil
}

func errLength(n int) error {
	if n == 0 || n == len(devices.Key{}) {
		return nil
	}
	return fmt.Errorf("it has %d bytes, want 16", n)
}

// otherKEK explains that keys are wrapped with another KEK than the one given.
func otherKEK(want string, have KEK) error {
	if have.id == "" {
		return fmt.Errorf("its keys are wrapped with key-encryption key %s and none is configured: give it as registry.kek_file or in MODELLREGION_KEK", want)
	}
	return fmt.Errorf("its keys are wrapped with key-encryption key %s, the one configured is %s: configure the other, or wrap them anew with devices wrap-keys --old-kek-file", want, have.id)
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkKEK compares the KEK with the one that the file's keys are wrapped with.
func checkKEK(ctx context.Context, q querier, kek KEK) error {
	var id string
	err := q.QueryRowContext(ctx, "SELECT id FROM kek").Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // all keys are plain
	case err != nil:
		return fmt.Errorf("read which key wraps the keys: %w", err)
	case id != kek.id:
		return otherKEK(id, kek)
	}
	return nil
}

// noteKEK remembers that keys are wrapped with the KEK from now on.
func noteKEK(ctx context.Context, tx *sql.Tx, kek KEK) error {
	if err := checkKEK(ctx, tx, kek); err != nil || kek.id == "" {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO kek VALUES (?)", kek.id)
	return err
}

// keyColumns are the columns that hold a key.
var keyColumns = []string{"app_key", "nwk_s_key", "app_s_key", "nwk_key", "s_nwk_s_int_key", "nwk_s_enc_key"}

// WrapKeys wraps every key of the file at path with kek, all or none: those
// that are plain, and those that are wrapped with old. It returns how many
// keys it changed.
func WrapKeys(ctx context.Context, path string, old, kek KEK) (n int, err error) {
	if kek.id == "" {
		return 0, errors.New("wrap keys: there is no key-encryption key: give it as registry.kek_file or in MODELLREGION_KEK")
	}
	r, err := openFile(ctx, path, kek)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	err = r.inTx(ctx, func(tx *sql.Tx) error {
		if err := checkKEK(ctx, tx, kek); err != nil && (old.id == "" || checkKEK(ctx, tx, old) != nil) {
			return err
		}
		rows, err := sealed(ctx, tx)
		if err != nil {
			return err
		}
		// The revision stays, since the keys are the same; who follows the
		// registry reads these rows with the next change.
		statement := "UPDATE device SET " + strings.Join(keyColumns, " = ?, ") + " = ?, changed = " + nextRevision + " WHERE dev_eui = ?"
		for _, row := range rows {
			changed, err := row.rewrap(old, kek)
			if err != nil {
				return err
			}
			if changed == 0 {
				continue
			}
			n += changed
			if _, err := tx.ExecContext(ctx, statement, row.args()...); err != nil {
				return fmt.Errorf("device %s: %w", row.eui, err)
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM kek"); err != nil {
			return err
		}
		return noteKEK(ctx, tx, kek)
	})
	if err != nil {
		return 0, fmt.Errorf("wrap keys in %s: %w", path, err)
	}
	// What was overwritten is plain in the log and on freed pages until then.
	if _, err := r.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE); VACUUM"); err != nil {
		return n, fmt.Errorf("keys are wrapped, but the old ones were not cleared from %s: %w", path, err)
	}
	return n, nil
}

// sealedRow is the keys of a device as they are stored.
type sealedRow struct {
	eui  string
	keys [6]string // in the order of keyColumns
}

func (s *sealedRow) args() []any {
	out := make([]any, 0, len(s.keys)+1)
	for _, k := range s.keys {
		out = append(out, k)
	}
	return append(out, s.eui)
}

// rewrap changes the keys that are not wrapped with kek.
func (s *sealedRow) rewrap(old, kek KEK) (changed int, err error) {
	for i, stored := range s.keys {
		if stored == "" || strings.HasPrefix(stored, wrapMark+kek.id+":") {
			continue
		}
		key, err := old.open(stored)
		if err == nil {
			s.keys[i], err = kek.seal(key)
		}
		if err != nil {
			return 0, fmt.Errorf("device %s: %s: %w", s.eui, keyColumns[i], err)
		}
		changed++
	}
	return changed, nil
}

func sealed(ctx context.Context, tx *sql.Tx) (out []sealedRow, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT dev_eui, "+strings.Join(keyColumns, ", ")+" FROM device")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s sealedRow
		k := &s.keys
		if err := rows.Scan(&s.eui, &k[0], &k[1], &k[2], &k[3], &k[4], &k[5]); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
