// Package devices is the vocabulary of the platform: what a device, a
// profile, a quantity and a measurement are.
//
// It knows every quantity with its unit, kind and valid range, and the values
// that the parts of the platform hand each other. It leaves bytes to
// devices/codec, keys and places on disk to devices/registry, and knows
// nothing of networks and databases.
package devices
