package highwater

// #include <highwater.h>
import "C"

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"
)

// Request is what a service knows about a call that it is asked to serve. Zero values are
// unknown, and what is unknown is never assumed.
type Request struct {
	// Now is the present; the zero time asks the clock.
	Now time.Time
	// Address is that of the client as the host saw it, never one that a client could have written.
	Address netip.Addr
	// AuthenticationContext is the one that this operation needs, such as "c1".
	AuthenticationContext string
	// Resource is the application id of the resource; nil for the token's audience.
	Resource *Resource
	// Device is what is known of the device.
	Device *Device
	// Country is the ISO 3166-1 alpha-2 code of the client's country.
	Country string
	// Platform is the client's platform.
	Platform Platform
	// ClientAppType is the kind of client application.
	ClientAppType ClientAppType
	// CompliantNetwork says whether the client came through the compliant network.
	CompliantNetwork Answer
}

// Answer is yes, no, or not known.
type Answer uint8

// The answers.
const (
	Unknown Answer = C.HIGHWATER_ANSWER_UNKNOWN
	No      Answer = C.HIGHWATER_ANSWER_NO
	Yes     Answer = C.HIGHWATER_ANSWER_YES
)

// Platform is a client's platform; zero is not known.
type Platform uint8

// The platforms.
const (
	PlatformAndroid      Platform = C.HIGHWATER_PLATFORM_ANDROID
	PlatformIOS          Platform = C.HIGHWATER_PLATFORM_IOS
	PlatformWindows      Platform = C.HIGHWATER_PLATFORM_WINDOWS
	PlatformWindowsPhone Platform = C.HIGHWATER_PLATFORM_WINDOWS_PHONE
	PlatformMacOS        Platform = C.HIGHWATER_PLATFORM_MACOS
	PlatformLinux        Platform = C.HIGHWATER_PLATFORM_LINUX
	PlatformOther        Platform = C.HIGHWATER_PLATFORM_OTHER
)

// ClientAppType is a kind of client application; zero is not known.
type ClientAppType uint8

// The kinds of client applications.
const (
	ClientAppBrowser                     ClientAppType = C.HIGHWATER_CLIENT_APP_TYPE_BROWSER
	ClientAppMobileAppsAndDesktopClients ClientAppType = C.HIGHWATER_CLIENT_APP_TYPE_MOBILE_APPS_AND_DESKTOP_CLIENTS
	ClientAppExchangeActiveSync          ClientAppType = C.HIGHWATER_CLIENT_APP_TYPE_EXCHANGE_ACTIVE_SYNC
	ClientAppEASSupported                ClientAppType = C.HIGHWATER_CLIENT_APP_TYPE_EAS_SUPPORTED
	ClientAppOther                       ClientAppType = C.HIGHWATER_CLIENT_APP_TYPE_OTHER
)

// Resource is the application id of a resource, made once and used in any number of requests.
type Resource struct{ pointer *C.highwater_resource }

// NewResource makes a resource of its application id, or whatever the policies call it.
func NewResource(id string) (*Resource, error) {
	text, length := characters([]byte(id))
	resource := new(Resource)
	var pointer *C.highwater_resource
	if err := call(func() C.highwater_status {
		return C.highwater_resource_new(text, length, &pointer)
	}); err != nil {
		return nil, err
	}
	resource.pointer = pointer
	runtime.AddCleanup(resource, func(pointer *C.highwater_resource) {
		C.highwater_resource_free(pointer)
	}, pointer)
	return resource, nil
}

// Device is what a host knows of a device, made once and used in any number of requests.
type Device struct{ pointer *C.highwater_device }

// NewDevice makes a device of its attributes by rule name without "device.", a JSON object.
// Whoever supplies one speaks for all of it: an attribute that is missing counts as null.
func NewDevice(attributes any) (*Device, error) {
	text, err := encode(attributes)
	if err != nil {
		return nil, err
	}
	pointer, err := newDevice(text)
	if err != nil {
		return nil, err
	}
	device := &Device{pointer}
	runtime.AddCleanup(device, func(pointer *C.highwater_device) {
		C.highwater_device_free(pointer)
	}, pointer)
	return device, nil
}

func newDevice(attributes []byte) (pointer *C.highwater_device, err error) {
	text, length := characters(attributes)
	err = call(func() C.highwater_status {
		return C.highwater_device_new(text, length, &pointer)
	})
	return pointer, err
}

// write fills in the struct of the library but for the authentication context.
func (r *Request) write() (request C.highwater_request, err error) {
	request.size = C.sizeof_highwater_request
	request.now = milliseconds(r.Now)
	switch address := r.Address; {
	case address.Is4():
		octets := address.As4()
		copy(bytesOf(&request.address), octets[:])
		request.address_length = 4
	case address.Is6():
		octets := address.As16()
		copy(bytesOf(&request.address), octets[:])
		request.address_length = 16
	}
	if r.Country != "" {
		if len(r.Country) != 2 {
			return request, fmt.Errorf("highwater: `%s` is no country code of two letters", r.Country)
		}
		request.country = [2]C.uint8_t{C.uint8_t(r.Country[0]), C.uint8_t(r.Country[1])}
	}
	request.platform = C.uint8_t(r.Platform)
	request.client_app_type = C.uint8_t(r.ClientAppType)
	request.compliant_network = C.uint8_t(r.CompliantNetwork)
	if r.Resource != nil {
		request.resource = r.Resource.pointer
	}
	if r.Device != nil {
		request.device = r.Device.pointer
	}
	return request, nil
}

// pin puts the authentication context in, and keeps it in its place until unpinned.
func (r *Request) pin(request *C.highwater_request, pinner *runtime.Pinner) {
	if r.AuthenticationContext == "" {
		return
	}
	data := unsafe.StringData(r.AuthenticationContext)
	pinner.Pin(data)
	request.authentication_context = (*C.char)(unsafe.Pointer(data))
	request.authentication_context_length = C.size_t(len(r.AuthenticationContext))
}

// keep keeps alive what the struct points to.
func (r *Request) keep() {
	runtime.KeepAlive(r.Resource)
	runtime.KeepAlive(r.Device)
}

func bytesOf(address *[16]C.uint8_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(address)), len(address))
}
