package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nodeRole in the environment makes this test program be the node of a cluster
// whose configuration it names: in a process of its own it can be killed.
const nodeRole = "MODELLREGION_E2E_NODE"

// beNode is the program in that role.
func beNode(config string) error {
	opts, err := server.ProcessConfigFile(config)
	if err != nil {
		return err
	}
	opts.NoSigs = true
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go s.Start()
	<-stop
	s.Shutdown()
	return nil
}

const (
	nodes    = 3
	password = "e2e-0123456789abcdef"

	// maxPayload is what the largest message of the platform has, a device list of
	// 16 MiB, and the server's own head to it. The default is 1 MiB.
	maxPayload = 17 << 20
)

// cluster is the nodes, and a load balancer before them, as clusters have it.
type cluster struct {
	t    *testing.T
	mqtt []string // host:port, by node
	http []string // for health
	conf []string
	node []*process
	addr string // of the load balancer
}

// newCluster starts the nodes and waits until they are one.
func newCluster(t *testing.T, edges ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, addr: port(t)}
	var routes, clients []string
	for range nodes {
		routes = append(routes, port(t))
		clients = append(clients, port(t))
		c.mqtt = append(c.mqtt, port(t))
		c.http = append(c.http, port(t))
	}
	for i := range nodes {
		dir := t.TempDir()
		config := filepath.Join(dir, "node.conf")
		write(t, config, fmt.Sprintf(`
server_name: node%d
listen: %q
http: %q
max_payload: %d
jetstream { store_dir: %q }
cluster { name: city, listen: %q, routes: [nats://%s] }
mqtt { listen: %q, stream_replicas: %d, consumer_replicas: %d }
accounts { city { jetstream: enabled, users: [ %s ] } }
`, i+1, clients[i], c.http[i], maxPayload, filepath.Join(dir, "store"), routes[i], strings.Join(routes, ", nats://"), c.mqtt[i], nodes, nodes, users(edges)))
		c.conf = append(c.conf, config)
		c.node = append(c.node, nil)
		c.start(i)
	}
	for i := range nodes {
		eventually(t, fmt.Sprintf("node %d is well", i+1), func() bool { return c.well(i) })
	}
	c.balance()
	return c
}

// users gives the platform everything and an edge what is its own. Levels of a
// topic are divided by a point here.
func users(edges []string) string {
	all := fmt.Sprintf("{ user: platform, password: %q }\n", password)
	for _, e := range edges {
		own := "modellregion.v1." + e + "."
		all += fmt.Sprintf(`{ user: %s, password: %q, permissions: {
			publish: [ %q, %q, %q, %q, %q ],
			subscribe: [ "modellregion.v1.*.frame", %q, %q, %q ] } }
`, e, password, own+"*.up", own+"*.event", own+"status", own+"gateway.*", own+"frame", own+"stored", own+"devices", own+"down.*")
	}
	return all
}

func (c *cluster) start(i int) {
	c.t.Helper()
	program, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), nodeRole+"="+c.conf[i])
	c.node[i] = launch(c.t, cmd)
}

// well reports whether a node can serve, with all that it has to keep.
func (c *cluster) well(i int) bool {
	c.t.Helper()
	if c.node[i].ended() {
		c.t.Fatalf("node %d ended: %v\n%s", i+1, c.node[i].err, c.node[i].logged())
	}
	status, _ := get("http://" + c.http[i] + "/healthz")
	return status == http.StatusOK
}

// balance is the load balancer: each connection goes to the next node that
// takes it, and ends with it.
func (c *cluster) balance() {
	c.t.Helper()
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	var work sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	work.Go(func() {
		for turn := 0; ; turn++ {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			node := c.dial(turn)
			if node == nil {
				_ = conn.Close() // no node takes it
				continue
			}
			mu.Lock()
			open[conn], open[node] = true, true
			mu.Unlock()
			work.Go(func() { pipe(conn, node) })
			work.Go(func() { pipe(node, conn) })
		}
	})
	c.t.Cleanup(func() {
		err := l.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close() // it may have ended already
		}
		mu.Unlock()
		work.Wait()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			c.t.Error(err)
		}
	})
}

// dial connects to the first node from a turn on that takes it; nil: none does.
func (c *cluster) dial(turn int) net.Conn {
	for i := range nodes {
		if node, err := net.Dial("tcp", c.mqtt[(turn+i)%nodes]); err == nil {
			return node
		}
	}
	return nil
}

// pipe passes on what comes until either side ends, and ends both.
func pipe(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// replace kills a node, starts it again after a while and waits until it is
// well.
func (c *cluster) replace(i int, after time.Duration) {
	c.t.Helper()
	c.node[i].kill()
	<-time.After(after)
	c.start(i)
	eventually(c.t, fmt.Sprintf("node %d is well again", i+1), func() bool { return c.well(i) })
}
