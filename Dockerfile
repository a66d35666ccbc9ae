# An image with the program `postroom`; docs/operating.md shows how to run it.
#
#     docker build --tag postroom .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package postroom

FROM debian:bookworm-slim
COPY --from=build /source/target/release/postroom /usr/local/bin/postroom
COPY LICENSE-APACHE LICENSE-MIT docs/postroom.toml /usr/share/doc/postroom/
# A number, so that an orchestrator can see that it is not root. A new volume gets the owner
# and the mode of this folder.
RUN install --directory --owner=10001 --group=10001 --mode=700 /var/lib/postroom
USER 10001:10001
WORKDIR /var/lib/postroom
VOLUME /var/lib/postroom
# All commands of the program in the container use this folder.
ENV POSTROOM_DATA=/var/lib/postroom/data
# Of the listeners with TLS in docs/operating.md. Unless told otherwise, the server listens
# on the container's own 127.0.0.1 alone, where nobody else reaches it.
EXPOSE 5401 5402 5405
# It asks the server over the socket in the folder.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["postroom", "status"]
ENTRYPOINT ["postroom"]
CMD ["serve"]
