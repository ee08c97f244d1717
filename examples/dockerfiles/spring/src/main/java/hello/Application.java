package hello;

import java.nio.file.Files;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/** Spring MVC in an embedded Tomcat, put together by hand as Spring Boot does it by itself. */
public class Application {
    public static void main(String[] args) throws Exception {
        AnnotationConfigWebApplicationContext spring = new AnnotationConfigWebApplicationContext();
        spring.register(
                HelloController.class, RequestMappingHandlerMapping.class, RequestMappingHandlerAdapter.class);

        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory("tomcat").toString());
        tomcat.setPort(8080);
        tomcat.getConnector();
        Context root = tomcat.addContext("", null);
        Tomcat.addServlet(root, "spring", new DispatcherServlet(spring)).setLoadOnStartup(1);
        root.addServletMappingDecoded("/", "spring");
        tomcat.start();
        tomcat.getServer().await();
    }
}
