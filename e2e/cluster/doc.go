// Package cluster tests the platform at a broker that is a cluster: three nodes
// of nats-server with MQTT, whose messages each of them keeps.
//
// It is a module of its own, so that the product does not depend on a broker
// that only this test starts.
package cluster
