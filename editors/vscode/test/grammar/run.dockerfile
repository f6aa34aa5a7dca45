FROM debian:12 AS base
#^^^ keyword
RUN apt-get update && echo "hello $NAME" | tee /log
#   ^^^^^^^^^^^^^^ meta.embedded.shell.dockerfile
#                          ^^^^^^^ string.quoted.double.shell
ENV A=1
#^^ keyword !meta.embedded
run --mount=type=cache,target=/x --network=none if true; then echo 'a'; fi
#   ^^^^^^^ entity.other.attribute-name.flag
#                                               ^^ keyword.control meta.embedded.shell
RUN set -e; \
    # a comment between

    for i in 1 2; do \
#   ^^^ keyword.control
      echo "an open quote \
    ; done
ENV B="2"
#^^ keyword !meta.embedded
RUN echo "never closed
LABEL c=d
#^^^^ keyword !meta.embedded !string
RUN ["sh", "-c", "true"]
#    ^^^^ string meta.embedded.json
CMD exec nginx
#   ^^^^ support.function.builtin meta.embedded.shell
ONBUILD RUN echo 1
#       ^^^ keyword
#           ^^^^ support
RUN
EXPOSE 80
#^^^^^ keyword !meta.embedded
RUN --mount=type=bind,target=/a \
    --mount=type=cache,target=/b \
#   ^^^^^^^ entity.other.attribute-name.flag
    cargo build
EXPOSE 81
#^^^^^ keyword !meta.embedded
