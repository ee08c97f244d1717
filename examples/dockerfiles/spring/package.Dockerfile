# What `./mvnw package` does elsewhere: compiles, and makes one jar of the program and all that it needs. The libraries are
# Debian's packages of Spring and Tomcat, so that no Maven repository has to be reached.
#   docker build -f package.Dockerfile -o target .
FROM openjdk:17 AS package
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends libspring-web-servlet-java libtomcat9-java unzip \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /workspace/classes
RUN set -e; for library in spring3-aop spring3-beans spring3-context spring3-core spring3-expression spring3-web \
      spring3-web.servlet commons-logging tomcat9-annotations-api tomcat9-api tomcat9-catalina tomcat9-coyote \
      tomcat9-jaspic-api tomcat9-jni tomcat9-juli tomcat9-servlet-api tomcat9-util tomcat9-util-scan; \
    do unzip -qo /usr/share/java/$library.jar; done; \
    rm -rf META-INF/MANIFEST.MF META-INF/versions module-info.class

WORKDIR /workspace
COPY src/main/java src
RUN javac --release 17 -parameters -proc:none -cp classes -d classes $(find src -name '*.java')
# In the order of their names and with one date, so that the same sources give the same jar.
RUN (cd classes && find . -type f | LC_ALL=C sort > ../files \
 && jar --create --file ../hello-0.0.1-SNAPSHOT.jar --main-class hello.Application --date 2024-01-01T00:00:00Z @../files)

FROM scratch
COPY --from=package /workspace/hello-0.0.1-SNAPSHOT.jar /
