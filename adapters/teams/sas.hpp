// Shared access signatures: how a listener proves to the relay that it may listen. Pure.
// learn.microsoft.com /azure/azure-relay/relay-authentication-and-authorization.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace teams {

// "http://HOST/PATH/": always http, without a port, in lower case but for the path, whatever the listener dials.
std::string sas_resource(std::string_view host, std::string_view path);

// "SharedAccessSignature sr=…&sig=…&se=…&skn=…". The key is used as the text that it is, never base64-decoded; what is
// signed is the encoded resource. `expires`: seconds since 1970.
std::string make_sas(std::string_view resource, std::string_view key_name, std::string_view key, std::int64_t expires);

}  // namespace teams
