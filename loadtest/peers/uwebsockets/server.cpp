// A peer to measure against: uWebSockets in C++, set up for speed as its manual says: topics of its own (`subscribe`,
// `publish`), which gather what one turn of the loop publishes, and no per-message work beyond the envelope. It speaks the
// frames of a strav endpoint: welcome, sub -> ok, unsub, pub -> msg.
//
// PORT sets the port; without it 7101. DEFLATE=1 compresses what it sends, with a compressor that all connections share;
// TLS_CERT and TLS_KEY are files in PEM. One process uses one core.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "App.h"

using std::string_view;

namespace {

struct Client {};

bool compresses = false;

// Ids are as long as those of real servers (26 characters) and as cheap as can be.
string_view next_id() {
    static char id[] = "00000000000000000000000000";
    for (char *digit = id + sizeof id - 2; ++*digit > '9'; --digit) {
        *digit = '0';
    }
    return {id, sizeof id - 1};
}

// What stands between `before` and the next quote; empty if it is not there. Frames come from the harness, whose keys have
// one order and whose topics have no escapes: a parser of any JSON would only make this server slower.
string_view between(string_view frame, string_view before) {
    size_t at = frame.find(before);
    if (at == string_view::npos) {
        return {};
    }
    at += before.size();
    size_t end = frame.find('"', at);
    return end == string_view::npos ? string_view{} : frame.substr(at, end - at);
}

template <bool SSL>
int serve(uWS::TemplatedApp<SSL> &&app, int port) {
    using Socket = uWS::WebSocket<SSL, true, Client>;
    std::string out;
    auto handle = [&app, &out](Socket *socket, string_view frame, uWS::OpCode) {
        string_view kind = between(frame, R"("t":")");
        string_view topic = between(frame, R"("c":")");
        if (kind == "pub") {
            // All that follows the kind goes on as it came: topic, event and data.
            size_t rest = frame.find(R"(,"c":)");
            if (rest == string_view::npos || frame.back() != '}') {
                return;
            }
            out.assign(R"({"t":"msg")");
            out.append(frame.substr(rest, frame.size() - 1 - rest));
            out.append(R"(,"i":")").append(next_id()).append(R"("})");
            app.publish(topic, out, uWS::OpCode::TEXT, compresses);
        } else if (kind == "sub") {
            socket->subscribe(topic);
            out.assign(R"({"t":"ok","c":")").append(topic).append(R"("})");
            socket->send(out, uWS::OpCode::TEXT);
        } else if (kind == "unsub") {
            socket->unsubscribe(topic);
        }
    };
    bool listens = false;
    app.template ws<Client>("/*", {
        .compression = compresses ? uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR) : uWS::DISABLED,
        .maxPayloadLength = 1 << 20,
        // Idle clients stay: the harness measures them.
        .idleTimeout = 0,
        // A burst for a slow reader must not be dropped: the harness counts what is lost.
        .maxBackpressure = 16 << 20,
        .sendPingsAutomatically = false,
        .open = [](Socket *socket) {
            std::string welcome(R"({"t":"welcome","id":")");
            socket->send(welcome.append(next_id()).append(R"("})"), uWS::OpCode::TEXT);
        },
        .message = std::move(handle),
    });
    app.listen("127.0.0.1", port, [&listens, port](us_listen_socket_t *socket) {
        listens = socket != nullptr;
        if (listens) {
            std::printf("listening on %s://127.0.0.1:%d/ pid %d\n", SSL ? "wss" : "ws", port, int(getpid()));
            std::fflush(stdout);
        } else {
            std::fprintf(stderr, "cannot listen on port %d\n", port);
        }
    });
    if (listens) {
        app.run();
    }
    return 1;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc == 2 && string_view(argv[1]) == "--version") {
        std::puts("uWebSockets " UWS_VERSION);
        return 0;
    }
    const char *port = std::getenv("PORT"), *deflate = std::getenv("DEFLATE");
    const char *certificate = std::getenv("TLS_CERT"), *key = std::getenv("TLS_KEY");
    int number = port ? std::atoi(port) : 7101;
    compresses = deflate && string_view(deflate) == "1";
    if (certificate && key) {
        return serve(uWS::SSLApp({.key_file_name = key, .cert_file_name = certificate}), number);
    }
    return serve(uWS::App(), number);
}
