// Package mqtt is the platform's MQTT 3.1.1 client: it keeps one connection to
// one broker up, subscribes again after every reconnect, and publishes with a
// bounded number of unacknowledged messages.
//
// It knows connections and acknowledgements and is the only user of the paho
// library. Topics and contents belong to package uplink, and so does the
// promise that nothing is lost: sessions are clean unless asked otherwise, the
// broker is not a queue, and whoever needs a message to arrive keeps it and
// sends it again until the other end, not the broker, has confirmed it.
package mqtt
