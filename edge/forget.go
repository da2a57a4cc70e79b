package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// forgetWait is how long Forget waits for a gateway that is about to end.
const forgetWait = time.Second

// Forgotten is what Forget has found and done.
type Forgotten struct {
	Damage  error    // what was wrong with the records
	Kept    bool     // only the nonces were damaged: the session is sound and goes on
	ABP     bool     // the device is personalised, or not on the list and may be
	Repairs []string // of the database as it was opened, each as a sentence
}

// Forget deletes what a database in a folder, of an edge that does not run,
// holds of a device whose records are damaged, so that the device is served
// again. A record that can be read stays if it is of use: a session is never
// forgotten that can go on.
//
// A device that joins gets a new session, whose keys were never used: join
// nonces follow the clock. The keys of a personalised one (ABP) are its session.
// Without its counters old frames could be played again, and downlinks would be
// encrypted with counters that were used before. newKeys says that it has got
// new ones; that they have arrived is looked at as far as possible.
//
// Repairs are told with an error too: the next start finds nothing to repair.
func Forget(dir string, device uplink.EUI, newKeys bool) (out Forgotten, err error) {
	if err := wasUsed(dir); err != nil {
		return out, err
	}
	s, err := openStoreWithin(dir, forgetWait)
	if errors.Is(err, errInUse) {
		return out, fmt.Errorf("%w: a gateway that runs has to be stopped first", err)
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	out.Repairs = s.repairs()
	eui := lorawan.EUI64(device)
	saved, err := s.sessions()
	if err != nil {
		return out, err
	}
	if _, sound := saved[eui]; sound {
		return out, fmt.Errorf("the records of device %s are sound, and a session that can be read is never forgotten", device)
	}
	if out.Damage = s.damaged()[eui]; out.Damage == nil {
		return out, fmt.Errorf("there is no record of device %s", device)
	}
	listed, err := s.listed(device)
	if err != nil {
		return out, err
	}
	out.ABP = listed == nil || listed.ABP
	err = s.update(func(c *change) error {
		record := c.tx.Bucket(bucketSessions).Get(eui[:])
		if state, err := readSession(eui, record); err == nil {
			out.Kept = true
			return c.put(bucketNonces, eui[:], state.MarshalNonces())
		}
		if out.ABP {
			if err := mayBeginAnew(device, listed, record, newKeys); err != nil {
				return err
			}
		}
		_, err := c.delete(bucketSessions, eui[:])
		if err == nil { // what is left of a device must not look like a loss
			_, err = c.delete(bucketNonces, eui[:])
		}
		return err
	})
	if err != nil {
		return out, fmt.Errorf("forget device %s: %w", device, err)
	}
	return out, nil
}

// wasUsed reports why there is no database in a folder and never was any. To
// open one would make one.
func wasUsed(dir string) error {
	for _, name := range []string{"edge.db", usedName} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("there is no database in %s", dir)
}

// listed returns a device of the list kept last, or nil when it is not there.
func (s *store) listed(device uplink.EUI) (*session.Device, error) {
	data, err := s.deviceList()
	if err != nil || data == nil {
		return nil, err
	}
	list, err := uplink.DecodeDeviceList(data)
	if err != nil {
		return nil, fmt.Errorf("device list on disk: %w", err)
	}
	i := slices.IndexFunc(list.Devices, func(d uplink.ListedDevice) bool { return d.DevEUI == device })
	if i < 0 {
		return nil, nil
	}
	d, err := sessionDevice(list.Devices[i])
	if err != nil {
		return nil, fmt.Errorf("device on the list on disk: %w", err)
	}
	return &d, nil
}

// mayBeginAnew reports why a device that is or may be personalised must not
// begin at counter 0. Damage seldom hits all of a record: keys that still stand
// in it are the old ones.
func mayBeginAnew(device uplink.EUI, listed *session.Device, record []byte, newKeys bool) error {
	if !newKeys {
		what := "it is personalised (ABP)"
		if listed == nil {
			what = "it is not on the device list that the gateway has kept, so that it may be personalised (ABP)"
		}
		return fmt.Errorf("%s, and its counters are lost: with the same keys old frames could be played again, and downlinks would use counters twice. "+
			"Register it with new keys, let the gateway run until it has that list, stop it, and then say -new-keys", what)
	}
	if listed == nil {
		return nil
	}
	for _, key := range []lorawan.AES128Key{listed.NwkSKey, listed.AppSKey, listed.SNwkSIntKey, listed.NwkSEncKey} {
		if key != (lorawan.AES128Key{}) && bytes.Contains(record, key[:]) {
			return errors.New("on the device list that the gateway has kept it still has keys of its damaged session: let the gateway run until it has the list with the new ones, stop it, and try again")
		}
	}
	return nil
}
